# Unpacks zip archives. Every name in an archive is judged before anything is written; what was unpacked is noted in a
# manifest below BASE, so that the same archive is not unpacked over files that were edited since.

# unzip path digest [src [remove] | payload] [creates] [exclude] [include] [check]
# `path` is the folder that the entries go to, `digest` the SHA-256 of an archive of the controller; one of
# the host is named by `src`. Reports `path`, `skip creates`, `changed`, `removed`.
# 75: the archive is needed.
function pw_unzip($a) {
    $creates = pl_arg $a 'creates'
    if ($null -ne $creates -and (pw_exists $creates)) { [void](pl_v 'skip' 'creates'); return 0 }
    $to = pw_path (pl_arg $a 'path')
    [void](pl_v 'path' $to)
    $source = pl_arg $a 'src'
    $digest = pl_arg $a 'digest'
    if ($null -ne $source) {
        $source = pw_path $source
        if ((pw_kind $source) -eq 'absent' -and (pl_flag $a 'check')) { [void](pl_v 'changed' '1'); return 0 }
        if ((pw_kind $source) -ne 'file') { throw ("the archive ``{0}`` does not exist on the host" -f $source) }
        $digest = pw_digest $source
    }
    $known = pw_unzip_known $to $digest
    if ($null -ne $source) { return pw_unzip_there $a $source $to $digest $known }
    if ($known) { return 0 }
    if (pl_flag $a 'check') { [void](pl_v 'changed' '1'); return 0 }
    if (-not (pl_flag $a 'payload')) { return 75 }
    $stream = pl_payload_stream
    if ((pw_digest_of $stream 'sha256') -cne $digest) { throw 'the archive that arrived is not the one that was sent' }
    [void]$stream.Seek(0, [IO.SeekOrigin]::Begin)
    return pw_unzip_from $a $stream $to $digest
}

# An archive of the host, which is removed afterwards if `remove` says so.
function pw_unzip_there($a, [string]$source, [string]$to, [string]$digest, [bool]$known) {
    if (-not $known) {
        $stream = [IO.FileStream]::new($source, [IO.FileMode]::Open, [IO.FileAccess]::Read, [IO.FileShare]::Read)
        [void](pw_unzip_from $a $stream $to $digest)
    }
    if (-not (pl_flag $a 'remove')) { return 0 }
    [void](pl_v 'changed' '1')
    [void](pl_v 'removed' '1')
    if (-not (pl_flag $a 'check')) { pw_remove $source }
    return 0
}

# The manifest of what was unpacked into a folder: the digest of the archive, then the paths below the folder.
function pw_unzip_manifest([string]$to) {
    $base = [IO.Path]::Combine([Environment]::GetFolderPath('CommonApplicationData'), 'Paceline')
    if ($null -ne $script:pw_at) { $base = $script:pw_at.base }
    $bytes = [Text.Encoding]::UTF8.GetBytes($to.ToUpperInvariant())
    return [IO.Path]::Combine($base, 'archives', (pw_digest_of ([IO.MemoryStream]::new($bytes)) 'sha256'))
}

# Whether this archive was unpacked there, and all of its files and folders are still there.
function pw_unzip_known([string]$to, [string]$digest) {
    $path = pw_unzip_manifest $to
    if (-not [IO.File]::Exists($path)) { return $false }
    $lines = [IO.File]::ReadAllLines($path)
    if ($lines.Length -eq 0 -or $lines[0] -cne $digest) { return $false }
    for ($at = 1; $at -lt $lines.Length; $at++) {
        if ((pw_kind ([IO.Path]::Combine($to, $lines[$at]))) -eq 'absent') { return $false }
    }
    return $true
}

function pw_unzip_from($a, $stream, [string]$to, [string]$digest) {
    pw_sys_zip
    $check = pl_flag $a 'check'
    try {
        $archive = [IO.Compression.ZipArchive]::new($stream, [IO.Compression.ZipArchiveMode]::Read, $false)
        try {
            $entries = pw_unzip_entries $a $archive $to
            pw_tree_folder $to $check
            foreach ($entry in $entries) { pw_unzip_entry $entry $check }
        }
        finally { $archive.Dispose() }
    }
    finally { $stream.Dispose() }
    if (-not $check) { pw_unzip_note $to $digest $entries }
    return 0
}

# What is wanted of the archive: each with its path. One bad name, and nothing is unpacked.
function pw_unzip_entries($a, $archive, [string]$to) {
    if ($archive.Entries.Count -gt 200000) { throw 'the archive has more than 200,000 entries' }
    $seen = [Collections.Generic.Dictionary[string, string]]::new([StringComparer]::OrdinalIgnoreCase)
    $found = [Collections.Generic.List[object]]::new()
    $bytes = [long]0
    foreach ($entry in $archive.Entries) {
        $folder = $entry.FullName.EndsWith('/') -or $entry.FullName.EndsWith('\')
        $name = $entry.FullName.Replace('/', '\').TrimEnd('\')
        pw_unzip_name $name $entry.FullName
        if ($seen.ContainsKey($name) -and -not ($folder -and $seen[$name] -ceq 'folder')) {
            throw ("the archive has two entries that are ``{0}`` on Windows" -f $name)
        }
        $seen[$name] = if ($folder) { 'folder' } else { 'file' }
        $bytes += $entry.Length
        if (-not (pw_unzip_wanted $a $entry.FullName)) { continue }
        $found.Add(@{ entry = $entry; name = $name; folder = $folder; path = (pw_tree_below $to (pw_unzip_local $name)) })
    }
    if ($bytes -gt 68719476736) { throw 'the archive would become more than 64 GiB' }
    pw_unzip_nested $seen
    return , $found.ToArray()
}

# No entry may lie in a file of the same archive.
function pw_unzip_nested($seen) {
    foreach ($name in @($seen.Keys)) {
        $at = $name.LastIndexOf('\')
        while ($at -gt 0) {
            $above = $name.Substring(0, $at)
            if ($seen.ContainsKey($above) -and $seen[$above] -ceq 'file') { throw ("``{0}`` is a file and a folder in the archive" -f $above) }
            $at = $above.LastIndexOf('\')
        }
    }
}

function pw_unzip_local([string]$name) { return $name.Replace('\', [string][IO.Path]::DirectorySeparatorChar) }

# Names that lead out of the folder, that Windows would change or take for something else.
function pw_unzip_name([string]$name, [string]$shown) {
    $why = ''
    if ($name -eq '' -or $name.StartsWith('\')) { $why = 'is not below a folder' }
    foreach ($part in $name.Split('\')) {
        if ($part -eq '' -or $part -eq '.' -or $part -eq '..') { $why = 'leads out of its folder' }
        elseif ($part.EndsWith('.') -or $part.EndsWith(' ')) { $why = 'ends in a dot or a blank, which Windows drops' }
        elseif ($part.IndexOfAny([IO.Path]::GetInvalidFileNameChars()) -ge 0 -or $part.IndexOfAny([char[]]':*?"<>|') -ge 0) { $why = 'has characters that no name may have' }
        elseif (pw_path_reserved $part) { $why = 'is the name of a device' }
    }
    if ($why -ne '') { throw ("the archive is refused: its entry ``{0}`` {1}; nothing was unpacked" -f $shown, $why) }
}

function pw_unzip_wanted($a, [string]$name) {
    $excluded = pl_list $a 'exclude'
    $included = pl_list $a 'include'
    foreach ($pattern in $excluded) { if (pw_unzip_like $name $pattern) { return $false } }
    foreach ($pattern in $included) { if (pw_unzip_like $name $pattern) { return $true } }
    return $included.Length -eq 0
}

function pw_unzip_like([string]$name, [string]$pattern) {
    return [Management.Automation.WildcardPattern]::new($pattern, 'IgnoreCase,CultureInvariant').IsMatch($name.TrimEnd('/', '\'))
}

# Writes an entry unless the file has this content.
function pw_unzip_entry($item, [bool]$check) {
    if ($item.folder) { pw_tree_folder $item.path $check; return }
    $kind = pw_kind $item.path
    if ($kind -eq 'directory' -or $kind -eq 'link') { throw ("``{0}`` is a {1}, not a file" -f $item.path, $kind) }
    $stream = $item.entry.Open()
    try { $digest = pw_digest_of $stream 'sha256' } finally { $stream.Dispose() }
    if ($kind -eq 'file' -and (pw_digest $item.path) -ceq $digest) { return }
    [void](pl_v 'changed' '1')
    if ($check) { return }
    pw_put_parents $item.path $true
    $stream = $item.entry.Open()
    try { pw_put_stream $item.path $kind $stream $item.entry.Length $digest } finally { $stream.Dispose() }
    [IO.File]::SetLastWriteTimeUtc($item.path, $item.entry.LastWriteTime.UtcDateTime)
}

# The manifest is a file like others: its old content is kept, and comes back with the files.
function pw_unzip_note([string]$to, [string]$digest, $entries) {
    $text = [Text.StringBuilder]::new($digest)
    foreach ($item in $entries) { [void]$text.Append("`n").Append((pw_unzip_local $item.name)) }
    [void]$text.Append("`n")
    $bytes = [Text.Encoding]::UTF8.GetBytes($text.ToString())
    $path = pw_unzip_manifest $to
    $kind = pw_kind $path
    $wanted = pw_digest_of ([IO.MemoryStream]::new($bytes)) 'sha256'
    if ($kind -eq 'file' -and (pw_digest $path) -ceq $wanted) { return }
    pw_put_parents $path $true
    pw_put_stream $path $kind ([IO.MemoryStream]::new($bytes)) $bytes.Length $wanted
}

# Windows PowerShell 5.1 loads the two assemblies when they are asked for.
function pw_sys_zip {
    if ($PSVersionTable.PSVersion.Major -ge 6) { return }
    pw_sys_assembly 'System.IO.Compression'
    pw_sys_assembly 'System.IO.Compression.FileSystem'
}
