# Tells all that is known about a path.

# stat path [follow] [checksum:ALGORITHM] [size]
# Reports `kind`, and unless it is absent: `path`, `name`, `extension`, `attributes`, `size`, `created`, `accessed`,
# `written` (ticks of 100 ns, UTC), `owner`, `sid`, `link`, `target`, `share`, `checksum`.
function pw_stat($a) {
    $path = pw_path (pl_arg $a 'path')
    $kind = pw_kind $path
    if ($kind -eq 'link') {
        [void](pl_v 'link' (pw_sys_link $path))
        [void](pl_v 'target' (pw_sys_target $path))
        if (pl_flag $a 'follow') { $path = pw_stat_target $path; $kind = pw_kind $path }
    }
    [void](pl_v 'path' $path)
    [void](pl_v 'kind' $kind)
    if ($kind -eq 'absent') { return 0 }
    $item = pw_item $path
    [void](pl_v 'folder' ([int]($item -is [IO.DirectoryInfo])).ToString())
    [void](pl_v 'name' $item.Name)
    [void](pl_v 'extension' $item.Extension)
    [void](pl_v 'attributes' $item.Attributes.ToString())
    [void](pl_v 'created' $item.CreationTimeUtc.Ticks.ToString())
    [void](pl_v 'accessed' $item.LastAccessTimeUtc.Ticks.ToString())
    [void](pl_v 'written' $item.LastWriteTimeUtc.Ticks.ToString())
    pw_stat_owner $path
    if ($item -is [IO.DirectoryInfo]) {
        pw_stat_share $path
        if (pl_flag $a 'size') { [void](pl_v 'size' (pw_tree_size $path).ToString()) }
        return 0
    }
    [void](pl_v 'size' $item.Length.ToString())
    $algorithm = pl_arg $a 'checksum'
    if ($null -ne $algorithm -and $kind -eq 'file') { [void](pl_v 'checksum' (pw_digest_with $path $algorithm)) }
    return 0
}

# Where a chain of links ends; a chain of more than 40 is taken for a circle.
function pw_stat_target([string]$path) {
    for ($step = 0; $step -lt 40; $step++) {
        if ((pw_kind $path) -ne 'link') { return $path }
        $target = pw_sys_target $path
        $path = [IO.Path]::GetFullPath([IO.Path]::Combine([IO.Path]::GetDirectoryName($path), $target))
    }
    throw ("``{0}`` is a link in a circle" -f $path)
}

# The owner may be of a domain that nobody knows any more: then the SID is all there is.
function pw_stat_owner([string]$path) {
    $sid = pw_sys_acl_owner $path
    if ($sid -eq '') { return }
    [void](pl_v 'sid' $sid)
    [void](pl_v 'owner' (pw_sys_account $sid))
}

# Shares are values of the server service, each a list of `NAME=VALUE`:
# learn.microsoft.com/troubleshoot/windows-client/networking/saving-restoring-existing-windows-shares.
function pw_stat_share([string]$path) {
    foreach ($share in @(pw_sys_shares)) {
        if ([string]::Equals($share.Path, $path, [StringComparison]::OrdinalIgnoreCase)) { [void](pl_v 'share' $share.Name) }
    }
}

function pw_sys_shares {
    if ([IO.Path]::DirectorySeparatorChar -ne '\') { return }
    $key = [Microsoft.Win32.Registry]::LocalMachine.OpenSubKey('SYSTEM\CurrentControlSet\Services\LanmanServer\Shares')
    if ($null -eq $key) { return }
    try {
        foreach ($name in $key.GetValueNames()) {
            foreach ($line in @($key.GetValue($name))) {
                if ("$line".StartsWith('Path=')) { @{ Name = $name; Path = "$line".Substring(5) } }
            }
        }
    }
    finally { $key.Dispose() }
}

# Bytes of all files below a folder; what may not be looked at counts as nothing, and links are not followed.
function pw_tree_size([string]$path) {
    $size = [long]0
    $folders = [Collections.Generic.Stack[string]]::new()
    $folders.Push($path)
    while ($folders.Count -gt 0) {
        $folder = [IO.DirectoryInfo]::new($folders.Pop())
        try { $items = $folder.GetFileSystemInfos() } catch [UnauthorizedAccessException] { continue }
        foreach ($item in $items) {
            if ($item -isnot [IO.DirectoryInfo]) { $size += $item.Length }
            elseif (($item.Attributes -band [IO.FileAttributes]::ReparsePoint) -eq 0) { $folders.Push($item.FullName) }
        }
    }
    return $size
}
