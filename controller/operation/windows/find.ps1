# Finds files and folders by name, age, size and attributes.

# find paths [patterns] [kind(file|directory)] [recurse] [hidden] [follow] [checksum]
# Ages and sizes are judged by the controller. One `item` for each that is found, at most 50,000, and the host's `now`: base64 of the path,
# then attributes, size, ticks of creation, access and writing, owner and digest, `|` between them.
function pw_find($a) {
    $count = 0
    [void](pl_v 'now' ([DateTime]::UtcNow.Ticks.ToString()))
    foreach ($text in (pl_list $a 'paths')) {
        $top = pw_path $text
        if ((pw_kind $top) -ne 'directory') { throw ("``{0}`` is not a folder of the host" -f $top) }
        $folders = [Collections.Generic.Stack[string]]::new()
        $folders.Push($top)
        while ($folders.Count -gt 0) {
            foreach ($item in [IO.DirectoryInfo]::new($folders.Pop()).GetFileSystemInfos()) {
                if (pw_find_into $a $item) { $folders.Push($item.FullName) }
                if (-not (pw_find_wanted $a $item)) { continue }
                $count++
                if ($count -gt 50000) { throw 'more than 50,000 were found' }
                pw_find_tell $a $item
            }
        }
    }
    return 0
}

# Whether to look into it.
function pw_find_into($a, $item) {
    if ($item -isnot [IO.DirectoryInfo] -or -not (pl_flag $a 'recurse')) { return $false }
    if (($item.Attributes -band [IO.FileAttributes]::Hidden) -ne 0 -and -not (pl_flag $a 'hidden')) { return $false }
    return (pl_flag $a 'follow') -or ($item.Attributes -band [IO.FileAttributes]::ReparsePoint) -eq 0
}

# Whether its kind and name are wanted.
function pw_find_wanted($a, $item) {
    $folder = $item -is [IO.DirectoryInfo]
    if ($folder -ne ((pl_arg $a 'kind') -eq 'directory')) { return $false }
    if (($item.Attributes -band [IO.FileAttributes]::Hidden) -ne 0 -and -not (pl_flag $a 'hidden')) { return $false }
    $patterns = (pl_list $a 'patterns')
    if ($patterns.Length -eq 0) { return $true }
    foreach ($pattern in $patterns) {
        if ([Management.Automation.WildcardPattern]::new($pattern, 'IgnoreCase,CultureInvariant').IsMatch($item.Name)) { return $true }
    }
    return $false
}

function pw_find_tell($a, $item) {
    $size = 0
    $digest = ''
    if ($item -is [IO.FileInfo]) {
        $size = $item.Length
        $algorithm = pl_arg $a 'checksum'
        if ($null -ne $algorithm) { $digest = pw_digest_with $item.FullName $algorithm }
    }
    $path = [Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes($item.FullName))
    $owner = pw_sys_account (pw_sys_acl_owner $item.FullName)
    $fields = $path, $item.Attributes, $size, $item.CreationTimeUtc.Ticks, $item.LastAccessTimeUtc.Ticks, $item.LastWriteTimeUtc.Ticks, $owner, $digest
    [void](pl_v 'item' ([string]::Join('|', [string[]]$fields)))
}

# tempfile kind(file|directory) prefix suffix [path] [check]: a new file or folder that nobody else has.
function pw_tempfile($a) {
    $folder = pl_arg $a 'path'
    if ($null -eq $folder) { $folder = [IO.Path]::GetTempPath() }
    $folder = pw_path $folder
    if ((pw_kind $folder) -ne 'directory') { throw ("``{0}`` is not a folder of the host" -f $folder) }
    $name = (pl_arg $a 'prefix') + [IO.Path]::GetRandomFileName().Replace('.', '') + (pl_arg $a 'suffix')
    $path = pw_path ([IO.Path]::Combine($folder, $name))
    [void](pl_v 'path' $path)
    if (pl_flag $a 'check') { return 0 }
    if ((pl_arg $a 'kind') -eq 'directory') { pw_make_folders $path; return 0 }
    pw_make_empty $path
    return 0
}
