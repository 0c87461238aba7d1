# Reads a file for the controller.

# read path limit [digest] [edit]
# Reports `path`, `state` (absent, file, directory, link), `sha256` if asked for, and the bytes as `content`. With `edit` the
# controller decides what to do next: 75, and a missing file is no failure.
function pw_read($a) {
    $path = pw_path (pl_arg $a 'path')
    [void](pl_v 'path' $path)
    $kind = pw_kind $path
    [void](pl_v 'state' $kind)
    $edit = pl_flag $a 'edit'
    if ($edit -and $kind -ne 'file') { return 75 }
    if ($kind -eq 'absent') { return pl_fail ("file not found: {0}" -f $path) }
    if ($kind -eq 'directory') { return pl_fail ("source is a directory and must be a file: {0}" -f $path) }
    $limit = [long](pl_arg $a 'limit')
    $share = [IO.FileShare]'ReadWrite,Delete'
    $stream = [IO.FileStream]::new($path, [IO.FileMode]::Open, [IO.FileAccess]::Read, $share, 65536)
    try { $bytes = pw_read_whole $stream $limit $path } finally { $stream.Dispose() }
    if (pl_flag $a 'digest') { [void](pl_v 'sha256' (pw_digest_of ([IO.MemoryStream]::new($bytes)) 'sha256')) }
    [void](pl_b 'content' $bytes)
    if ($edit) { return 75 }
    return 0
}

# All bytes of a stream that has a length, up to a limit.
function pw_read_whole($stream, [long]$limit, [string]$path) {
    if ($stream.Length -gt $limit) { throw ("``{0}`` has {1} bytes, and at most {2} are read" -f $path, $stream.Length, $limit) }
    $bytes = [byte[]]::new([int]$stream.Length)
    $at = 0
    while ($at -lt $bytes.Length) {
        $count = $stream.Read($bytes, $at, $bytes.Length - $at)
        if ($count -eq 0) { throw ("``{0}`` became shorter while it was read" -f $path) }
        $at += $count
    }
    return , $bytes
}
