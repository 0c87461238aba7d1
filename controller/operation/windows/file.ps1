# States of a path: a folder, a file, nothing, or just there; and the times of a file.

# file path state(any|file|directory|touch|absent) [modified] [accessed] [create] [check]
# Reports `path`, `was`, `changed`, `now`. Times are ticks of 100 ns in UTC, `now`, or left out.
function pw_file($a) {
    $path = pw_path (pl_arg $a 'path')
    [void](pl_v 'path' $path)
    $kind = pw_kind $path
    [void](pl_v 'was' $kind)
    $state = pl_arg $a 'state'
    $check = pl_flag $a 'check'
    switch -CaseSensitive ($state) {
        'directory' { pw_file_directory $path $kind $check }
        'file' { pw_file_there $path $kind }
        'any' { if ($kind -eq 'absent') { throw (pw_file_missing $path) } }
        'touch' { pw_file_touch $path $kind $check }
        'absent' { pw_file_absent $path $kind $check }
        default { throw ("``{0}`` is not a state of a path" -f $state) }
    }
    if ('absent' -cne $state) { pw_file_times $a $path $kind $check }
    if (-not $check) { [void](pl_v 'now' (pw_kind $path)) }
    return 0
}

function pw_file_missing([string]$path) { return "``{0}`` does not exist`nhint: ``state: touch`` makes a file, ``state: directory`` a folder" -f $path }

function pw_file_there([string]$path, [string]$kind) {
    if ($kind -eq 'absent') { throw (pw_file_missing $path) }
    if ($kind -eq 'directory') { throw ("``{0}`` is a folder, not a file" -f $path) }
}

function pw_file_directory([string]$path, [string]$kind, [bool]$check) {
    if ($kind -eq 'file') { throw ("``{0}`` is a file, not a folder`nhint: remove it with ``state: absent`` before" -f $path) }
    if ($kind -ne 'absent') { return }
    [void](pl_v 'changed' '1')
    if (-not $check) { pw_make_folders $path }
}

# Makes a folder and what is missing above it, with one point for all of them.
function pw_make_folders([string]$path) {
    $highest = $path
    while ($true) {
        $above = [IO.Path]::GetDirectoryName($highest)
        if ([string]::IsNullOrEmpty($above)) { throw ("the drive of ``{0}`` does not exist" -f $path) }
        $kind = pw_kind $above
        if ($kind -eq 'file') { throw ("``{0}`` is a file, not a folder" -f $above) }
        if ($kind -ne 'absent') { break }
        $highest = $above
    }
    [void](pw_point_file $path 'folders' 'directory' $highest)
    [void][IO.Directory]::CreateDirectory($path)
}

# A file that is missing is made empty. Without times that were asked for, both become the present.
function pw_file_touch([string]$path, [string]$kind, [bool]$check) {
    if ($kind -ne 'absent') { return }
    [void](pl_v 'changed' '1')
    if ($check) { return }
    pw_put_parents $path $false
    pw_make_empty $path
}

# An empty file; somebody who makes one of that name at the same moment keeps it.
function pw_make_empty([string]$path) {
    [void](pw_point_file $path 'absent' 'file:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855' '')
    [IO.FileStream]::new($path, [IO.FileMode]::CreateNew).Dispose()
}

# What is removed is moved to the point, whole: a rename, whatever its size.
function pw_file_absent([string]$path, [string]$kind, [bool]$check) {
    if ($kind -eq 'absent') { return }
    pw_path_whole $path
    [void](pl_v 'changed' '1')
    if ($check) { return }
    pw_remove $path
}

function pw_remove([string]$path) {
    pw_take (pw_point_file $path 'take' 'absent' '')
}

# Times that differ from those that are wanted are set.
function pw_file_times($a, [string]$path, [string]$kind, [bool]$check) {
    $modified = pw_file_time (pl_arg $a 'modified')
    $accessed = pw_file_time (pl_arg $a 'accessed')
    if ($null -eq $modified -and $null -eq $accessed) { return }
    if ($kind -eq 'absent') { if ($check) { return } }
    $item = pw_item $path
    $differs = ($null -ne $modified -and $item.LastWriteTimeUtc -ne $modified) -or ($null -ne $accessed -and $item.LastAccessTimeUtc -ne $accessed)
    if (-not $differs) { return }
    [void](pl_v 'changed' '1')
    if ($check) { return }
    if ($kind -ne 'absent') { [void](pw_point_file $path 'times' '' '') }
    if ($null -ne $modified) { $item.LastWriteTimeUtc = $modified }
    if ($null -ne $accessed) { $item.LastAccessTimeUtc = $accessed }
}

# A time to set; null for one that stays.
function pw_file_time($text) {
    if ($null -eq $text -or $text -eq '') { return $null }
    if ($text -eq 'now') { return [DateTime]::UtcNow }
    return [DateTime]::new([long]$text, [DateTimeKind]::Utc)
}
