# The lease for who asks without taking part, and for who breaks it.

# Reports the claim that counts: state, number, and whose it is.
function pw_lease_show($a) {
    $folder = pw_lease_folder
    $number = pw_lease_last $folder
    $claim = $null
    if ($number -gt 0 -and -not [IO.File]::Exists((pw_lease_path $folder $number '.free'))) {
        $claim = pw_lease_read $folder $number
    }
    if ($null -eq $claim) {
        [void](pl_v 'lease' "free $number")
        return 0
    }
    $state = 'held'
    if ((pw_lease_of_old $claim) -or (plr_uptime) -ge $claim.until) { $state = 'late' }
    [void](pl_v 'lease' "$state $number")
    [void](pl_v 'lease_run' $claim.run)
    [void](pl_v 'lease_operator' $claim.operator)
    [void](pl_v 'lease_since' $claim.since)
    [void](pl_v 'lease_host' $claim.host)
    [void](pl_v 'lease_left' ($claim.until - (plr_uptime)))
    return 0
}

# number operator since host: breaks the claim, if it still counts, by a later one that is free.
function pw_lease_break($a) {
    $folder = pw_lease_folder
    $changed = 'the lease changed hands meanwhile; look again'
    $number = [long](pl_arg $a 'number')
    if ((pw_lease_last $folder) -ne $number) { return pl_fail $changed }
    $asked = @{
        run = 'unlock'; incarnation = 0; seconds = 0
        operator = pl_arg $a 'operator'; since = pl_arg $a 'since'; host = pl_arg $a 'host'
    }
    # This session takes part in nothing but this.
    $outer = $script:pw_lease
    $script:pw_lease = @{ folder = $folder; fence = [long]0; until = [long]0; shell = $null; path = ''; note = '' }
    try {
        if (-not (pw_lease_claim $script:pw_lease ($number + 1) $asked)) { return pl_fail $changed }
        pw_lease_unpresent $script:pw_lease
        [IO.File]::WriteAllText((pw_lease_path $folder ($number + 1) '.free'), '')
    } finally { $script:pw_lease = $outer }
    return 0
}

# Removes claims that no longer count, unless a session may still look at them.
function pw_prune_claims($a) {
    $folder = pw_lease_folder
    if (-not [IO.Directory]::Exists($folder) -or -not (pw_sys_ours $folder)) { return 0 }
    if ([IO.Directory]::GetFiles($folder, '*.shell').Length -eq 0) { pw_lease_collect $folder }
    return 0
}
