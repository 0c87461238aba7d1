# What a channel beside a session runs to keep its claim alive. It neither brings back a claim that ran out nor one that
# was taken over, and says what it found.

# folder number seconds
function pw_beside_renew($a) {
    $folder = pl_arg $a 'folder'
    $number = [long](pl_arg $a 'number')
    $claim = pw_lease_read $folder $number
    $next = pw_lease_path $folder ($number + 1) ''
    if ($null -ne $claim -and -not [IO.File]::Exists($next)) {
        if ([IO.File]::Exists((pw_lease_path $folder $number '.free'))) { pb_say 'left'; return 0 }
        if ((plr_uptime) -ge $claim.until) { pb_say 'late'; return 0 }
        try { pw_lease_extend $folder $number ((plr_uptime) + [long](pl_arg $a 'seconds')) }
        catch { pb_say 'failed'; return 0 }
        if (-not [IO.File]::Exists($next)) { pb_say 'renewed'; return 0 }
    }
    $last = pw_lease_last $folder
    $newer = $null
    if ($last -gt $number) { $newer = pw_lease_read $folder $last }
    if ($null -eq $newer) { pb_say 'gone'; return 0 }
    pb_say "taken $($newer.run)"
    pb_say $newer.operator
    pb_say $newer.since
    return 0
}
