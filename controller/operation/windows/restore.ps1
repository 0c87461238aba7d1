# Restores rollback points. Each may be restored again: NUMBER.restoring and NUMBER.restored say how far it came.

# Kinds of points that are not things of `ensure`, and the functions that restore them: NUMBER, MANIFEST, FORCE.
$script:pw_undo_of = @{
    absent = 'pw_undo_file'; file = 'pw_undo_file'; directory = 'pw_undo_file'; link = 'pw_undo_file'
    attributes = 'pw_undo_file'; times = 'pw_undo_file'; activation = 'pw_undo_activation'
    chocolatey = 'pw_undo_chocolatey'; psmodule = 'pw_undo_versions'
}
# Whether a restore is at work, which leaves out what is the default.
$script:pw_restoring = $false
# Activations that this session has repeated.
$script:pw_activated = @{}
# Things that run: their state comes back in looks of its own (`pw_service_phase`).
$script:pw_running_kinds = @('service', 'pool', 'site')

# NUMBER SUFFIX: a file that says how far a restore came; what is older is renewed.
function pw_mark($number, $suffix) {
    pw_write_durable (pw_point_path $number $suffix) "1`n" 'Create'
}

# PATH: whether something was restored since this mark was set, in an earlier rollback that left points out.
function pw_overtaken($mark) {
    $last = [IO.Path]::Combine($script:pw_at.folder, 'restored-last')
    return [IO.File]::Exists($last) -and
        [IO.File]::GetLastWriteTimeUtc($last) -gt [IO.File]::GetLastWriteTimeUtc($mark)
}

# NUMBER: the manifest of a point of this user.
function pw_point_read($number) {
    pw_points_ours
    $path = pw_point_path $number ''
    $folder = $script:pw_at.folder
    if (-not [IO.File]::Exists($path)) { throw "there is no rollback point $number in ``$folder``" }
    if (-not (pw_sys_ours $path)) { throw "rollback point $number in ``$folder`` belongs to somebody else" }
    $read = pw_manifest $path
    if ($null -eq $read) {
        throw "rollback point $number in ``$folder`` is not complete: its step ended before it changed anything"
    }
    return $read
}

# number force: restores one point. With `force` what somebody changed after the run does not stop it.
function pw_restore($a) {
    $number = [int](pl_arg $a 'number')
    $read = pw_point_read $number
    $done = pw_point_path $number '.restored'
    $again = $read.kind -ceq 'activation' -and [IO.File]::Exists($done) -and (pw_overtaken $done)
    if ([IO.File]::Exists($done) -and -not $again) {
        [void](pl_v 'restored' 'again')
        return 0
    }
    pw_mark 'times-due' ''
    pw_mark $number '.restoring'
    $undo = 'pw_undo_thing'
    if ($script:pw_undo_of.ContainsKey($read.kind)) { $undo = $script:pw_undo_of[$read.kind] }
    $script:pw_restoring = $true
    $script:pw_call = $a
    try {
        [void](& $undo $number $read (pl_flag $a 'force'))
    } finally {
        $script:pw_restoring = $false
    }
    pw_mark $number '.restored'
    if ($read.kind -cne 'activation') { pw_mark 'restored-last' '' }
    [void](pl_v 'restored' 'now')
    return 0
}

# NUMBER: what the run left, or $null where nobody noted it.
function pw_after($number) {
    $path = pw_point_path $number '.after'
    if (-not [IO.File]::Exists($path)) { return $null }
    return pw_manifest $path
}

# STATE NAMES: the part of a state with these attributes; all that can be written for `*`.
function pw_state_part($state, $names) {
    if ($null -eq $state) { return $null }
    $part = [ordered]@{}
    foreach ($name in $state.Keys) {
        if ($name.StartsWith('.')) { continue }
        if ($names -contains '*' -or $names -contains $name) { $part[$name] = $state[$name] }
    }
    return $part
}

# KIND WANTED STATE: the names of the attributes of WANTED that STATE has otherwise.
function pw_differing($kind, $wanted, $state) {
    $names = [Collections.Generic.List[string]]::new()
    foreach ($name in $wanted.Keys) {
        if ($null -eq $state -or -not $state.Contains($name) -or
            -not (pw_same $kind $name $wanted[$name] $state[$name])) {
            $names.Add($name)
        }
    }
    return , $names.ToArray()
}

# NUMBER MANIFEST FORCE: brings a thing of `ensure` back: what the step touched of it, and only if it still is what the
# run left. Whether it runs is not looked at here.
function pw_undo_thing($number, $read, $force) {
    $kind = $read.kind
    [void](pw_known_kind $kind)
    $now = pw_with_secrets $kind $read.key (& "pw_read_$kind" $read.key)
    $saved = $null
    if (-not $read.absent) { $saved = pw_state_part $read.attr $read.touched }
    pw_lost_secrets $read
    if ($null -eq $saved -and $null -eq $now) { return }
    if ($null -ne $saved) { [void]$saved.Remove('state') }
    if ($null -ne $saved -and $null -ne $now -and (pw_differing $kind $saved $now).Length -eq 0) { return }
    if (-not $force) { pw_not_ours $number $read $now }
    $write = $saved
    if ($null -ne $saved -and $null -ne $now) {
        $write = pw_state_part $saved (pw_differing $kind $saved $now)
    }
    [void](& "pw_write_$kind" $read.key $write $now)
    $got = pw_with_secrets $kind $read.key (& "pw_read_$kind" $read.key)
    if ($null -eq $saved) {
        if ($null -ne $got) { throw "$($read.text) is still there" }
        return
    }
    if ($null -eq $got) { throw "$($read.text) did not come back" }
    $wrong = pw_differing $kind $saved $got
    if ($wrong.Length -gt 0) { throw "$($read.text): ``$($wrong[0])`` did not take its old value" }
}

# MANIFEST: says which secrets stay as the run set them, because Windows told nobody the old ones.
function pw_lost_secrets($read) {
    foreach ($name in $read.touched) {
        if ($name.StartsWith('secret.') -and -not $read.attr.Contains($name)) {
            $words = '{0}: `{1}` stays as the run set it: the old one is not known'
            [void](pl_v 'warning' ($words -f $read.text, $name.Substring(7)))
        }
    }
}

# NUMBER MANIFEST STATE: fails where somebody changed what the run left.
function pw_not_ours($number, $read, $now) {
    $after = pw_after $number
    if ($null -eq $after) { return }
    $hint = "`nhint: look at it, then roll back again with ``--force``"
    if ($after.absent) {
        if ($null -ne $now) { throw "$($read.text) was removed by the run, and is there again" + $hint }
        return
    }
    if ($null -eq $now) {
        if (-not $read.absent) { throw "$($read.text) was removed after the run" + $hint }
        return
    }
    $left = pw_state_part $after.attr $read.touched
    [void]$left.Remove('state')
    $other = pw_differing $read.kind $left $now
    if ($other.Length -gt 0) { throw "$($read.text): ``$($other[0])`` was changed after the run" + $hint }
}

# NUMBER MANIFEST FORCE: repeats an activation of the run, the same one once, for what is meant to run.
function pw_undo_activation($number, $read, $force) {
    if ($script:pw_activated.ContainsKey($read.text)) { return }
    $kind = $read.key['kind']
    [void](pw_known_kind $kind)
    $now = & "pw_read_$kind" $read.of
    if ($null -ne $now -and $now.Contains('state')) {
        if (@('running', 'started') -ccontains $now['state'][0]) {
            $script:pw_along = pw_activated_along $kind $read.of
            [void](& "pw_activate_$kind" $read.of $read.key['action'])
        }
    }
    $script:pw_activated[$read.text] = $true
}

# phase number: one of the looks that a restore takes at a thing that runs: `stop` what the run started, `start` what
# ran before, `check` that it is as it was.
function pw_service_phase($a) {
    $phase = pl_arg $a 'phase'
    $number = [int](pl_arg $a 'number')
    $read = pw_point_read $number
    $mark = pw_point_path $number ".$phase"
    if ([IO.File]::Exists($mark) -and -not (pw_overtaken $mark)) {
        [void](pl_v 'restored' 'again')
        return 0
    }
    $did = 'again'
    $script:pw_call = $a
    if (pw_phase $phase $read) { $did = 'now' }
    pw_mark $number ".$phase"
    [void](pl_v 'restored' $did)
    return 0
}

# PHASE MANIFEST: does it, and tells whether something was to do.
function pw_phase($phase, $read) {
    $kind = $read.kind
    if ($script:pw_running_kinds -cnotcontains $kind) { throw "points of kind ``$kind`` have no state of their own" }
# What was not there is gone by the time of the later looks, and maybe all that could be asked about it.
    if ($read.absent -and $phase -cne 'stop') { return $false }
    $old = ''
    if (-not $read.absent -and $read.attr.Contains('state')) { $old = $read.attr['state'][0] }
    $touched = $read.touched -ccontains '*' -or $read.touched -ccontains 'state'
    $now = & "pw_read_$kind" $read.key
    if ($null -eq $now -or -not $touched -or -not $now.Contains('state')) { return $false }
    $state = $now['state'][0]
    $runs = @('running', 'started', 'paused') -ccontains $state
    $ran = @('running', 'started') -ccontains $old
    if ($phase -ceq 'check') {
        if ($runs -ne $ran -and -not $read.absent) {
            throw ('{0} is {1}, and was {2} before' -f $read.text, $state, $old) +
                "`nhint: look at its log, bring it to its old state, then roll back again"
        }
        return $false
    }
    if ($phase -ceq 'stop' -and ($ran -or -not $runs)) { return $false }
    if ($phase -ceq 'start' -and ($ran -eq $runs -or $read.absent)) { return $false }
    $state = [ordered]@{}
    $state['state'] = [string[]]@($old)
    if ($phase -ceq 'stop' -or $old -ceq '') {
        $stopped = 'stopped'
        $state['state'] = [string[]]@($stopped)
    }
    [void](& "pw_write_$kind" $read.key $state $now)
    return $true
}

# numbers last: gives folders their times when everything is back. The newest point comes first, so that the oldest has
# the last word.
function pw_restore_times($a) {
    $due = [IO.Path]::Combine($script:pw_at.folder, 'times-due')
    if (-not [IO.File]::Exists($due)) { return 0 }
    foreach ($number in (pl_list $a 'numbers')) {
        if (-not [IO.File]::Exists((pw_point_path $number '.restored'))) { continue }
        $read = pw_point_read ([int]$number)
        if (-not $read.word.ContainsKey('folder')) { continue }
        $folder = $read.word['folder'][0]
        if (-not [IO.Directory]::Exists($folder)) { continue }
        $time = [DateTime]::new([long]$read.word['folder'][1], [DateTimeKind]::Utc)
        [IO.Directory]::SetLastWriteTimeUtc($folder, $time)
    }
    if (pl_flag $a 'last') { [IO.File]::Delete($due) }
    return 0
}

# Reports the points of the session's folder, newest first: number, kind, state, text.
function pw_points_list($a) {
    pw_points_ours
    if (-not [IO.Directory]::Exists($script:pw_at.folder)) { return 0 }
    for ($number = pw_points_last; $number -gt 0; $number--) {
        $path = pw_point_path $number ''
        if (-not [IO.File]::Exists($path) -or -not (pw_sys_ours $path)) { continue }
        $read = pw_manifest $path
        if ($null -eq $read) {
            [void](pl_v 'listed' "$number unknown incomplete ")
            continue
        }
        $state = 'saved'
        if ([IO.File]::Exists((pw_point_path $number '.restored'))) { $state = 'restored' }
        [void](pl_v 'listed' "$number $($read.kind) $state $($read.text)")
    }
    return 0
}

# numbers: removes what an attempt that was cut off left under the temporary names that these points know.
function pw_sweep($a) {
    foreach ($number in (pl_list $a 'numbers')) {
        $path = pw_point_path $number ''
        if (-not [IO.File]::Exists($path) -or -not (pw_sys_ours $path)) { continue }
        $read = pw_manifest $path
        if ($null -eq $read -or -not $read.word.ContainsKey('temporary')) { continue }
        if ($read.word['how'][0] -ceq 'folders') { continue }
        $temporary = $read.word['temporary'][0]
        if ([IO.File]::Exists($temporary)) { [IO.File]::Delete($temporary) }
    }
    return 0
}
