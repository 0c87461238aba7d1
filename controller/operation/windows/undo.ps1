# What undoes the steps that points of files and things do not cover: commands, and whatever a task names under
# `covers` and `rollback`. Saving comes first; what a point keeps may run again.

# What the step in hand saves before it changes anything.
$script:pw_arms = @{ id = ''; covers = [string[]]@(); programs = @{}; saved = $false }

# arm [covers] [rollback NAME TEXT] [activation NAME TEXT]: for the step that follows in the same text.
function pw_arm($a) {
    $programs = [ordered]@{}
    foreach ($as in 'rollback', 'activation') {
        $program = pl_list $a $as
        if ($program.Length -eq 2) { $programs[$as] = $program }
    }
    $script:pw_arms = @{ id = $pl.id; covers = (pl_list $a 'covers'); programs = $programs; saved = $false }
    $script:pw_armed = 'pw_start_now'
    return 0
}

# start: for a step whose operation does not come by a point of its own.
function pw_start_step($a) {
    [void](pw_start)
    return 0
}

# start_only: the same, before something that runs outside of this session.
function pw_start_only($a) {
    [void](pw_start)
    return 75
}

# The step is about to change something: once a step. Returns the points of files that it saved.
function pw_start {
    $arms = $script:pw_arms
    $script:pw_armed = $null
    $points = [Collections.Generic.List[object]]::new()
    if ($arms.id -cne $pl.id -or $arms.saved) { return , $points.ToArray() }
    $arms.saved = $true
    try {
        foreach ($text in $arms.covers) { $points.Add((pw_start_cover $text)) }
        foreach ($as in $arms.programs.Keys) {
            $program = $arms.programs[$as]
            [void](pw_point $as $program[0] @(('program ' + (pw_pack $program))))
        }
    }
    catch {
        [void](pl_v 'unarmed' '1')
        throw
    }
    return , $points.ToArray()
}

function pw_start_now { [void](pw_start) }

# A path that `covers` names: a copy of what is there, or that nothing is.
function pw_start_cover([string]$text) {
    $path = pw_path $text
    pw_path_whole $path
    return pw_point_file $path 'made' '' ''
}

# NUMBER MANIFEST FORCE: a command made it: a folder goes with all that is in it.
function pw_undo_made($number, $read, $force) {
    $path = $read.word['path'][0]
    if ((pw_path_kind $path) -ceq 'directory') { pw_remove_tree $path } else { pw_clear $number $read $force }
}

# Whether tasks undo the step: then what it made of its files is theirs to judge.
function pw_armed_rollback {
    $arms = $script:pw_arms
    return $arms.id -ceq $pl.id -and $arms.programs.Contains('rollback')
}

# Whether what a program of the user says is nobody's business.
$script:pw_quiet = $false

$script:pw_undo_of['rollback'] = 'pw_undo_program'
$script:pw_undo_of['activation'] = 'pw_undo_active'

# NUMBER MANIFEST FORCE: an activation is a program of ours, or what a service or pool was told.
function pw_undo_active($number, $read, $force) {
    if (-not $read.word.ContainsKey('program')) { return pw_undo_activation $number $read $force }
    if ($script:pw_activated.ContainsKey($read.text)) { return }
    pw_undo_program $number $read $force
    $script:pw_activated[$read.text] = $true
}

# NUMBER MANIFEST FORCE: runs the tasks that undo a step. They change things for good: what they would save goes to a
# folder that is removed.
function pw_undo_program($number, $read, $force) {
    $program = $read.word['program']
    $at = $script:pw_at
    $scratch = pw_point_path $number '.scratch'
    if ([IO.Directory]::Exists($scratch)) { [IO.Directory]::Delete($scratch, $true) }
    $script:pw_at = @{
        base = $at.base; run = 'undo-' + $at.run; host = $at.host; home = $at.home
        folder = $scratch; number = 0; ready = $false; limit = [long]::MaxValue; folders = @{}
    }
    try { $status = plr_calls $program[1] }
    finally {
        $script:pw_at = $at
        if ([IO.Directory]::Exists($scratch)) { [IO.Directory]::Delete($scratch, $true) }
    }
    if ($status -ne 0) { throw ("``{0}`` ended with status {1}" -f $program[0], $status) }
}

# program_task name seconds text [quiet] [payload]: one task of a program; the payload is in base64. What it runs says
# nothing if `quiet` says so.
function pw_program_task($a) {
    $outer = @{ payload = $plr.payload; limit = $pl.limit; quiet = $script:pw_quiet }
    $plr.payload = $null
    $pl.limit = [long](pl_arg $a 'seconds')
    $script:pw_quiet = pl_flag $a 'quiet'
    $payload = pl_arg $a 'payload'
    if ($null -ne $payload) {
        $plr.payload = @{ memory = [IO.MemoryStream]::new([Convert]::FromBase64String($payload)); file = $null; path = '' }
    }
    try { return plr_calls (pl_arg $a 'text') }
    finally {
        $plr.payload = $outer.payload
        $pl.limit = $outer.limit
        $script:pw_quiet = $outer.quiet
    }
}
