# Removes what an old run left on a host: its folder below BASE, and what its points keep beside the paths they cover.

# run host
function pw_prune($a) {
    $run = pl_arg $a 'run'
    $name = pl_arg $a 'host'
    pw_prune_allowed $run
    $at = $script:pw_at
    $folder = [IO.Path]::Combine($at.base, 'runs', $run, $name)
    $count = 0
    if ([IO.Directory]::Exists($folder)) {
        foreach ($path in @($at.base, $folder)) {
            if (-not (pw_sys_ours $path)) { throw "``$path`` belongs to somebody else" }
        }
        $count = pw_prune_points ([IO.Path]::Combine($folder, 'points')) $run
        pw_remove_tree $folder
        $above = [IO.Path]::GetDirectoryName($folder)
        if ([IO.Directory]::GetFileSystemEntries($above).Length -eq 0) { [IO.Directory]::Delete($above) }
    }
    [void](pl_v 'pruned' $count)
    return 0
}

# A run that holds the host is at work, whoever started it.
function pw_prune_allowed([string]$run) {
    $folder = pw_lease_folder
    $number = pw_lease_last $folder
    if ($number -eq 0 -or [IO.File]::Exists((pw_lease_path $folder $number '.free'))) { return }
    $claim = pw_lease_read $folder $number
    if ($null -eq $claim -or $claim.run -cne $run -or (pw_lease_of_old $claim)) { return }
    if ((plr_uptime) -lt $claim.until) { throw "run ``$run`` is at work on this host" }
}

# FOLDER RUN: removes what the points keep elsewhere, and returns how many points there are. Only a whole manifest says
# where it keeps something, and only the names that points of that run give are taken.
function pw_prune_points([string]$folder, [string]$run) {
    if (-not [IO.Directory]::Exists($folder)) { return 0 }
    $count = 0
    foreach ($path in [IO.Directory]::GetFiles($folder)) {
        $number = [IO.Path]::GetFileName($path)
        if (-not [regex]::IsMatch($number, '\A[0-9]{1,9}\z')) { continue }
        $count++
        if (-not (pw_sys_ours $path)) { continue }
        $read = pw_manifest $path
        if ($null -eq $read -or -not $read.word.ContainsKey('kept')) { continue }
        $kept = $read.word['kept'][0]
        $ours = [IO.Path]::GetFileName($kept).StartsWith(".paceline-$run-", [StringComparison]::Ordinal)
        if ($ours -and (pw_path_kind $kept) -cne 'absent') { pw_remove_tree $kept }
    }
    return $count
}
