# Paths of a Windows host: expanded, absolute, and only such as name a file or a folder.
# Rules of names: learn.microsoft.com/windows/win32/fileio/naming-a-file.

# A path in its whole form: `%NAME%` and `~` are expanded, slashes become backslashes, a relative path is
# below the user's profile. Refused: other machines (a remote session has no second hop), devices, streams.
function pw_path([string]$text) {
    $path = [Environment]::ExpandEnvironmentVariables($text)
    if ($path -eq '' -or $path.IndexOf([char]0) -ge 0) { throw 'the path is empty or has a NUL in it' }
    $home_folder = [Environment]::GetFolderPath('UserProfile')
    if ($path -eq '~' -or $path.StartsWith('~/') -or $path.StartsWith('~\')) { $path = $home_folder + $path.Substring(1) }
    if ([IO.Path]::DirectorySeparatorChar -ne '\') {
        return pw_path_trim ([IO.Path]::GetFullPath([IO.Path]::Combine($home_folder, $path)))
    }
    $path = $path.Replace('/', '\')
    if ($path.StartsWith('\\')) {
        throw ("``{0}`` is on another machine or a device`nhint: copy the file to a drive of the host first" -f $path)
    }
    if ($path.StartsWith('\')) { $path = [Environment]::GetEnvironmentVariable('SystemDrive') + $path }
    $path = pw_path_drive $path $home_folder
    return pw_path_trim ([IO.Path]::GetFullPath($path))
}

# Puts a relative path below a folder; refuses drive-relative paths, streams and devices.
function pw_path_drive([string]$path, [string]$folder) {
    $drive = $path.Length -ge 2 -and $path[1] -eq ':'
    if ($drive -and ($path.Length -eq 2 -or $path[2] -ne '\')) {
        throw ("``{0}`` is relative to a drive's own folder`nhint: write a backslash behind the colon" -f $path)
    }
    if (-not $drive) { $path = [IO.Path]::Combine($folder, $path) }
    if ($path.IndexOf(':', 2) -ge 0) { throw ("``{0}`` has a colon in a name, which would be a stream of a file" -f $path) }
    foreach ($part in $path.Substring(2).Split('\')) {
        if (pw_path_reserved $part) { throw ("``{0}`` holds ``{1}``, which is the name of a device" -f $path, $part) }
    }
    return $path
}

# Whether Windows takes a name, with whatever ending, for a device.
function pw_path_reserved([string]$name) {
    $base = $name.Split('.')[0].TrimEnd(' ').ToUpperInvariant()
    if ('CON', 'PRN', 'AUX', 'NUL', 'CONIN$', 'CONOUT$' -contains $base) { return $true }
    if ($base.Length -ne 4 -or -not ($base.StartsWith('COM') -or $base.StartsWith('LPT'))) { return $false }
    return '0123456789'.IndexOf($base[3]) -ge 0 -or [int]$base[3] -in 0xB9, 0xB2, 0xB3
}

# A path without separators behind it; a root keeps its own.
function pw_path_trim([string]$path) {
    if ($path -eq [IO.Path]::GetPathRoot($path)) { return $path }
    return $path.TrimEnd('\', '/')
}

# Whether a path as it was given says that it names a folder.
function pw_path_slash([string]$text) { return $text.EndsWith('/') -or $text.EndsWith('\') }

# The root of a drive is never created, replaced or removed.
function pw_path_whole([string]$path) {
    if ($path -eq [IO.Path]::GetPathRoot($path)) { throw ("``{0}`` is the root of a drive and stays as it is" -f $path) }
}

# `absent`, `file`, `directory` or `link`.
function pw_kind([string]$path) {
    try { $attributes = [IO.File]::GetAttributes($path) }
    catch [IO.FileNotFoundException], [IO.DirectoryNotFoundException] { return 'absent' }
    if (($attributes -band [IO.FileAttributes]::ReparsePoint) -ne 0 -and (pw_sys_link $path) -ne '') { return 'link' }
    if (($attributes -band [IO.FileAttributes]::Directory) -ne 0) { return 'directory' }
    return 'file'
}

# The object of a file or folder, by what its attributes say.
function pw_item([string]$path) {
    if (([IO.File]::GetAttributes($path) -band [IO.FileAttributes]::Directory) -ne 0) { return [IO.DirectoryInfo]::new($path) }
    return [IO.FileInfo]::new($path)
}

# `SymbolicLink` or `Junction`, else an empty text: other reparse points (deduplicated files) are plain files.
# The property comes with the engine for every item of the file system.
function pw_sys_link([string]$path) {
    $kind = (pw_item $path).LinkType
    if ('SymbolicLink', 'Junction' -contains $kind) { return [string]$kind }
    return ''
}

# Where a link points to, as it is written in it.
function pw_sys_target([string]$path) {
    foreach ($target in @((pw_item $path).Target)) { return [string]$target }
    return ''
}

# The digest of a file, in lower-case hexadecimal digits.
function pw_digest_with([string]$path, [string]$algorithm) {
    $stream = [IO.FileStream]::new($path, [IO.FileMode]::Open, [IO.FileAccess]::Read, [IO.FileShare]'ReadWrite,Delete', 1048576)
    try { return pw_digest_of $stream $algorithm } finally { $stream.Dispose() }
}

function pw_digest_of($stream, [string]$algorithm) {
    $hash = switch ($algorithm) {
        'md5' { [Security.Cryptography.MD5]::Create() }
        'sha1' { [Security.Cryptography.SHA1]::Create() }
        'sha256' { [Security.Cryptography.SHA256]::Create() }
        'sha384' { [Security.Cryptography.SHA384]::Create() }
        'sha512' { [Security.Cryptography.SHA512]::Create() }
        default { throw ("``{0}`` is not a digest that Windows computes" -f $algorithm) }
    }
    try { return pw_hex $hash.ComputeHash($stream) } finally { $hash.Dispose() }
}

function pw_hex([byte[]]$bytes) { return [BitConverter]::ToString($bytes).Replace('-', '').ToLowerInvariant() }

# A name that nobody can guess, for a file beside another.
function pw_new_name([string]$ending) { return '.paceline-' + [IO.Path]::GetRandomFileName().Replace('.', '') + $ending }

# Whether an existing file or folder matches a pattern: `*` and `?` in the last part only.
function pw_exists([string]$pattern) {
    $path = pw_path_pattern $pattern
    if ($path.IndexOfAny([char[]]'*?') -lt 0) { return (pw_kind $path) -ne 'absent' }
    $folder = [IO.Path]::GetDirectoryName($path)
    if ($folder.IndexOfAny([char[]]'*?') -ge 0) { throw ("``{0}`` has a pattern before its last part" -f $pattern) }
    if ((pw_kind $folder) -eq 'absent') { return $false }
    foreach ($found in [IO.Directory]::EnumerateFileSystemEntries($folder, [IO.Path]::GetFileName($path))) { return $true }
    return $false
}

# `GetFullPath` of 5.1 refuses patterns, so that the last part is put back behind the rest.
function pw_path_pattern([string]$text) {
    $at = $text.LastIndexOfAny([char[]]'\/')
    $last = $text.Substring($at + 1)
    if ($at -lt 0 -or $last.IndexOfAny([char[]]'*?') -lt 0) { return pw_path $text }
    return [IO.Path]::Combine((pw_path $text.Substring(0, $at + 1)), $last)
}
