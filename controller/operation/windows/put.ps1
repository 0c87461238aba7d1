# Puts content in its place: the digest first, then the bytes, written beside the file, flushed, and moved.
# `File.Replace` keeps the access rules and the creation time of the file that was there, and moves the old
# content to the point: learn.microsoft.com/windows/win32/api/winbase/nf-winbase-replacefilew.

# put path digest size [name] [parents] [keep] [backup] [expected] [payload] [check] [diff]
# Reports `path`; `same`, `kept`, `moved` or `changed`; `was`, `old` (for a difference), `backup_file`.
function pw_put($a) {
    $path = pw_put_place $a
    [void](pl_v 'path' $path)
    $kind = pw_kind $path
    [void](pl_v 'was' $kind)
    if ($kind -eq 'directory') { throw ("``{0}`` is a folder`nhint: write a backslash behind it to put the file into it" -f $path) }
    if ($kind -eq 'link') { throw ("``{0}`` is a link`nhint: name the file that it points to" -f $path) }
    $digest = 'absent'
    if ($kind -eq 'file') { $digest = pw_digest $path }
    $expected = pl_arg $a 'expected'
    if ($null -ne $expected -and $expected -cne $digest) { [void](pl_v 'moved' '1'); return 75 }
    if ($kind -eq 'file' -and (pl_flag $a 'keep')) { [void](pl_v 'kept' '1'); return 0 }
    if ($digest -ceq (pl_arg $a 'digest')) { [void](pl_v 'same' '1'); pw_put_tell $path; return 0 }
    return pw_put_changed $a $path $kind
}

# Where the file goes: a folder, or a path with a separator behind it, gets it under its own name.
function pw_put_place($a) {
    $text = pl_arg $a 'path'
    $path = pw_path $text
    $name = pl_arg $a 'name'
    if ($null -eq $name) { return $path }
    if ((pw_path_slash $text) -or (pw_kind $path) -eq 'directory') { return pw_path ([IO.Path]::Combine($path, $name)) }
    return $path
}

function pw_put_changed($a, [string]$path, [string]$kind) {
    if ((pl_flag $a 'diff') -and $kind -eq 'file') { pw_put_old $path }
    $check = pl_flag $a 'check'
    if (-not $check -and -not (pl_flag $a 'payload')) { return 75 }
    [void](pl_v 'changed' '1')
    # An earlier task may be meant to make the folder.
    if ($check) { return 0 }
    pw_put_parents $path (pl_flag $a 'parents')
    if ($kind -eq 'file' -and (pl_flag $a 'backup')) { pw_put_backup $path }
    pw_put_payload $path $kind (pl_arg $a 'digest') ([long](pl_arg $a 'size'))
    pw_put_tell $path
    return 0
}

# Content of up to 1 MiB, for a difference.
function pw_put_old([string]$path) {
    if ([IO.FileInfo]::new($path).Length -gt 1048576) { [void](pl_v 'old' 'large'); return }
    [void](pl_b 'old' ([IO.File]::ReadAllBytes($path)))
}

function pw_put_parents([string]$path, [bool]$make) {
    $folder = [IO.Path]::GetDirectoryName($path)
    $kind = pw_kind $folder
    if ($kind -eq 'directory' -or $kind -eq 'link') { return }
    if ($kind -eq 'file') { throw ("``{0}`` is a file, not a folder" -f $folder) }
    if (-not $make) { throw ("the folder ``{0}`` does not exist`nhint: make it before" -f $folder) }
    pw_make_folders $folder
}

# A copy beside the file, as `backup: true` wants it; it stays when the run is rolled back.
function pw_put_backup([string]$path) {
    $copy = '{0}.{1}.{2}.bak' -f $path, $PID, [DateTime]::Now.ToString('yyyyMMdd-HHmmss', [Globalization.CultureInfo]::InvariantCulture)
    [IO.File]::Copy($path, $copy)
    [void](pl_v 'backup_file' $copy)
}

# Writes the payload beside the file, and lets it take the file's place.
function pw_put_payload([string]$path, [string]$kind, [string]$digest, [long]$size) {
    $stream = pl_payload_stream
    try { pw_put_stream $path $kind $stream $size $digest } finally { $stream.Dispose() }
}

function pw_put_stream([string]$path, [string]$kind, $stream, [long]$size, [string]$digest) {
    $new = [IO.Path]::Combine([IO.Path]::GetDirectoryName($path), (pw_new_name '.new'))
    $point = pw_point_file $path 'replace' "file:$digest" $new
    try {
        $seen = pw_write_new $new $path $kind $stream $size
        if ($seen -cne $digest) { throw ("what arrived for ``{0}`` is not what was sent: SHA-256 {1} instead of {2}" -f $path, $seen, $digest) }
        pw_put_move $new $path $point
    }
    finally { if ([IO.File]::Exists($new)) { [IO.File]::Delete($new) } }
}

# The file is empty while it gets the access rules of the one that it replaces: nobody reads what he may not.
function pw_write_new([string]$new, [string]$path, [string]$kind, $stream, [long]$size) {
    $file = [IO.FileStream]::new($new, [IO.FileMode]::CreateNew, [IO.FileAccess]::Write, [IO.FileShare]::None, 65536)
    try {
        if ($kind -eq 'file') { pw_sys_acl_copy $path $new }
        $hash = [Security.Cryptography.SHA256]::Create()
        try {
            pw_copy_hashed $stream $file $hash $size
            $file.Flush($true)
            return pw_hex $hash.Hash
        }
        finally { $hash.Dispose() }
    }
    finally { $file.Dispose() }
}

# Copies exactly that many bytes, or until the end for -1.
function pw_copy_hashed($from, $to, $hash, [long]$size) {
    $buffer = [byte[]]::new(1048576)
    $left = $size
    while ($left -ne 0) {
        $wanted = $buffer.Length
        if ($left -gt 0 -and $left -lt $wanted) { $wanted = [int]$left }
        $count = $from.Read($buffer, 0, $wanted)
        if ($count -eq 0) { break }
        [void]$hash.TransformBlock($buffer, 0, $count, $null, 0)
        $to.Write($buffer, 0, $count)
        if ($left -gt 0) { $left -= $count }
    }
    [void]$hash.TransformFinalBlock($buffer, 0, 0)
    if ($left -gt 0) { throw 'the content ended too early' }
}

# A read-only file cannot be replaced: it is made writable for that, and read-only again.
function pw_put_move([string]$new, [string]$path, $point) {
    if ($point.how -ceq 'absent') { pw_swap $point $new; return }
    $attributes = [IO.File]::GetAttributes($path)
    $locked = $attributes -band [IO.FileAttributes]::ReadOnly
    if ($locked -ne 0) { [IO.File]::SetAttributes($path, ([int]$attributes -bxor [int]$locked)) }
    try { pw_swap $point $new }
    finally {
        if ($locked -ne 0 -and [IO.File]::Exists($path)) { [IO.File]::SetAttributes($path, ([int][IO.File]::GetAttributes($path) -bor [int]$locked)) }
    }
}

# What the result says of the file: `size` and `attributes`.
function pw_put_tell([string]$path) {
    if ([IO.File]::Exists($path)) { [void](pl_v 'size' ([IO.FileInfo]::new($path).Length.ToString())) }
}
