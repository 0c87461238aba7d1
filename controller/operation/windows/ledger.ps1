# The ledger: what the steps of a run did on this host, for a controller that lost their results. It lies beside the
# points, in BASE\runs\RUN\HOST\ledger; the session appends to it. Its lines are those of a POSIX host.

# Begins to keep one; open_points came before. A host where nothing can be written has none.
function pw_open_ledger($a) {
    $at = $script:pw_at
    try {
        if (-not [IO.Directory]::Exists($at.home)) { pw_sys_private_folder $at.home }
        foreach ($folder in @($at.base, $at.home)) {
            if (-not (pw_sys_ours $folder)) { return 0 }
        }
        pl_keep ([IO.Path]::Combine($at.home, 'ledger'))
    } catch { $plr.ignored = $_ }
    return 0
}

# Reports the ledger as it was before this session's own steps or with them.
function pw_tell_ledger($a) {
    if ($null -eq $plr.ledger) { return 0 }
    pl_b_file 'ledger' ([IO.Path]::Combine($script:pw_at.home, 'ledger'))
    return 0
}

# folder number: reports the output of a command of an earlier session.
function pw_tell_output($a) {
    $folder = pl_arg $a 'folder'
    $number = pl_arg $a 'number'
    # They come back from the ledger by way of the controller.
    if (-not [regex]::IsMatch($folder, '\Aout-[0-9a-f]{32}\z') -or -not [regex]::IsMatch($number, '\A[0-9]{1,9}\z')) {
        return pl_fail 'there is no such output'
    }
    foreach ($name in @('stdout', 'stderr')) {
        # `o` or `e`, as the session names them.
        $path = [IO.Path]::Combine($script:pw_at.home, $folder, $name.Substring(3, 1) + $number)
        if ([IO.File]::Exists($path)) { pl_b_file $name $path } else { [void](pl_v 'incomplete' '1') }
    }
    return 0
}
