# Finds the runs that left rollback points on this host, for a controller that has lost its journals.

# Reports the runs with points for the session's host: run, points, points not restored.
function pw_runs_list($a) {
    $at = $script:pw_at
    $runs = [IO.Path]::Combine($at.base, 'runs')
    if (-not [IO.Directory]::Exists($runs) -or -not (pw_sys_ours $at.base)) { return 0 }
    foreach ($run in [IO.Directory]::GetDirectories($runs)) {
        $points = [IO.Path]::Combine($run, $at.host, 'points')
        if (-not [IO.Directory]::Exists($points) -or -not (pw_sys_ours $points)) { continue }
        $all = 0; $left = 0
        foreach ($path in [IO.Directory]::GetFiles($points)) {
            if (-not [regex]::IsMatch([IO.Path]::GetFileName($path), '\A[0-9]{1,9}\z')) { continue }
            $all++
            if (-not [IO.File]::Exists("$path.restored")) { $left++ }
        }
        if ($all -gt 0) { [void](pl_v 'run' "$([IO.Path]::GetFileName($run)) $all $left") }
    }
    return 0
}
