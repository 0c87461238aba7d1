# Rollback points. A point is a manifest NUMBER in the folder BASE\runs\RUN\HOST\points, one word and its values a line,
# the last line `#END`, and what it needs: NUMBER.kept is old content, NUMBER.after is what the run left. Numbers
# grow within a run and host; points are restored newest first. A manifest is data: nothing of it is ever run.

$script:pw_at = $null
# What a step has to do before its first change (undo.ps1): the name of a function, or nothing.
$script:pw_armed = $null
$script:pw_other_base = "`nhint: make room there, or name another folder with the variable ``paceline_base``"

# base run host: where the points of this session go. Nothing is made before the first one is saved.
function pw_open_points($a) {
    $base = pl_arg $a 'base'
    if ($null -eq $base -or $base -ceq '') {
        $base = [IO.Path]::Combine([Environment]::GetFolderPath('CommonApplicationData'), 'Paceline')
    }
    $home_of_host = [IO.Path]::Combine($base, 'runs', (pl_arg $a 'run'), (pl_arg $a 'host'))
    $script:pw_at = @{
        base = $base; run = (pl_arg $a 'run'); host = (pl_arg $a 'host'); home = $home_of_host
        folder = [IO.Path]::Combine($home_of_host, 'points'); number = 0; ready = $false
        limit = [long]1073741824; folders = @{}
    }
    $pl.base = $base
    $pl.run = pl_arg $a 'run'
    $pl.host = pl_arg $a 'host'
    $pl.run_folder = $home_of_host
    $pl.points = $script:pw_at.folder
    return 0
}

# bytes: the most that is copied for one point.
function pw_limit_points($a) {
    $script:pw_at.limit = [long](pl_arg $a 'bytes')
    return 0
}

# Values as one word: `-` is no value at all, else each is base64 and commas stand between them.
function pw_pack($values) {
    $words = [Collections.Generic.List[string]]::new()
    foreach ($value in @($values)) {
        $words.Add([Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes([string]$value)))
    }
    if ($words.Count -eq 0) { return '-' }
    return [string]::Join(',', $words)
}

# The values of such a word.
function pw_unpack($word) {
    $values = [Collections.Generic.List[string]]::new()
    if ($word -cne '-') {
        foreach ($part in $word.Split(',')) {
            $values.Add([Text.Encoding]::UTF8.GetString([Convert]::FromBase64String($part)))
        }
    }
    return , $values.ToArray()
}

# PATH TEXT MODE: a file that is durable when this returns.
function pw_write_durable($path, $text, $mode) {
    $bytes = [Text.UTF8Encoding]::new($false).GetBytes($text)
    $stream = [IO.FileStream]::new($path, [IO.FileMode]$mode, [IO.FileAccess]::Write, [IO.FileShare]::Read)
    try {
        $stream.Write($bytes, 0, $bytes.Length)
        $stream.Flush($true)
    } finally {
        $stream.Dispose()
    }
}

# The innermost message of an error.
function pw_reason($problem) {
    $cause = $problem.Exception
    while ($null -ne $cause.InnerException) { $cause = $cause.InnerException }
    return $cause.Message
}

# Says that a point cannot be saved.
function pw_unsaved($problem) {
    $words = 'cannot save a rollback point in `{0}`, so nothing was changed: {1}'
    throw ($words -f $script:pw_at.folder, (pw_reason $problem)) + $script:pw_other_base
}

# Makes the folder of the points at the first save, and finds the highest number that was given.
function pw_points_ready {
    $at = $script:pw_at
    if ($null -eq $at) { throw 'this session has no folder for rollback points' }
    if ($null -ne $script:pw_armed) { [void](& $script:pw_armed) }
    if ($at.ready) { return }
    try {
        pw_sys_private_folder $at.folder
    } catch {
        pw_unsaved $_
    }
    pw_points_ours
    $at.number = pw_points_last
    $at.ready = $true
}

# What points say decides what is written back, so they have to be of this user, an administrator, or SYSTEM.
function pw_points_ours {
    $at = $script:pw_at
    foreach ($folder in @($at.base, $at.home, $at.folder)) {
        if ([IO.Directory]::Exists($folder) -and -not (pw_sys_ours $folder)) {
            throw "the folder for rollback points ``$folder`` belongs to somebody else" + $script:pw_other_base
        }
    }
}

# The highest number of a point so far.
function pw_points_last {
    $last = 0
    foreach ($path in [IO.Directory]::GetFiles($script:pw_at.folder)) {
        $part = [IO.Path]::GetFileName($path).Split('.')[0]
        if ($part -match '^[0-9]{1,9}$' -and [int]$part -gt $last) { $last = [int]$part }
    }
    return $last
}

# NUMBER SUFFIX: the file of a point.
function pw_point_path($number, $suffix) {
    return [IO.Path]::Combine($script:pw_at.folder, "$number$suffix")
}

# The number that the next point is going to have; the manifest may name files after it.
function pw_point_next {
    pw_points_ready
    return $script:pw_at.number + 1
}

# KIND TEXT LINES: writes the next point and reports it: durable when this returns. TEXT is what people read.
# Returns the number.
function pw_point($kind, $text, $lines) {
    $number = pw_point_next
    $all = [Collections.Generic.List[string]]::new()
    $all.Add("kind $kind")
    $all.Add('text ' + (pw_pack $text))
    foreach ($line in @($lines)) { $all.Add($line) }
    $all.Add('#END')
    try {
        pw_write_durable (pw_point_path $number '') ([string]::Join("`n", $all) + "`n") 'CreateNew'
    } catch {
        pw_unsaved $_
    }
    $script:pw_at.number = $number
    [void](pl_v 'point' "$number $kind $text")
    return $number
}

# KIND KEY: the thing as people read it.
function pw_point_text($kind, $key) {
    $words = [Collections.Generic.List[string]]::new()
    $words.Add($kind)
    foreach ($name in $key.Keys) {
        if ($key[$name] -cne '') { $words.Add($key[$name]) }
    }
    return [string]::Join(' ', $words)
}

# KIND KEY STATE TOUCHED: saves the state of a thing before the attributes TOUCHED of it change (`*`: all of it comes or
# goes). STATE is $null when it is absent. The attributes in `secret.` are sealed. Returns the number.
function pw_point_save($kind, $key, $state, $touched) {
    $lines = [Collections.Generic.List[string]]::new()
    foreach ($name in $key.Keys) { $lines.Add("key $name " + (pw_pack $key[$name])) }
    $lines.Add('touched ' + [string]::Join(' ', @($touched)))
    foreach ($line in (pw_state_lines $state)) { $lines.Add($line) }
    return pw_point $kind (pw_point_text $kind $key) $lines
}

# STATE: as lines of a manifest. What can only be read is left out.
function pw_state_lines($state) {
    $lines = [Collections.Generic.List[string]]::new()
    if ($null -eq $state) {
        $lines.Add('absent')
    } else {
        foreach ($name in $state.Keys) {
            if ($name.StartsWith('.')) { continue }
            if ($name.StartsWith('secret.')) {
                $text = [Text.Encoding]::UTF8.GetBytes([string]@($state[$name])[0])
                $lines.Add("sealed $name " + [Convert]::ToBase64String((pw_sys_seal $text)))
            } else {
                $lines.Add("attr $name " + (pw_pack $state[$name]))
            }
        }
    }
    return , $lines.ToArray()
}

# NUMBER STATE: what the run left, so that a restore can tell it from somebody else's work. Without it a restore does
# not ask, so a failure to write it is not one of the step.
function pw_point_after($number, $state) {
    $lines = (pw_state_lines $state) + @('#END')
    try {
        pw_write_durable (pw_point_path $number '.after') ([string]::Join("`n", $lines) + "`n") 'Create'
    } catch {
        [void](pl_v 'warning' ("cannot note what the step left in point {0}: {1}" -f $number, (pw_reason $_)))
    }
}

# KIND KEY ACTION ALONG: a restart, a recycle: a rollback repeats it when everything is back. ALONG are the names of what
# is stopped with it and has to run again. Returns the number.
function pw_point_activation($kind, $key, $action, $along) {
    $lines = [Collections.Generic.List[string]]::new()
    $lines.Add('key kind ' + (pw_pack $kind))
    $lines.Add('key action ' + (pw_pack $action))
    $lines.Add('key step ' + (pw_pack $plr.noted))
    $lines.Add('attr along ' + (pw_pack $along))
    foreach ($name in $key.Keys) { $lines.Add("of $name " + (pw_pack $key[$name])) }
    return pw_point 'activation' ($action + ' ' + (pw_point_text $kind $key)) $lines
}

# KIND KEY ACTION: the number of the point of an attempt of the step in hand that was cut off within its activation, or 0.
# It is the newest one: one run at a time works on a host, and the step is the first that goes on.
function pw_activation_cut($kind, $key, $action) {
    if ($plr.noted -ceq '' -or -not [IO.Directory]::Exists($script:pw_at.folder)) { return 0 }
    pw_points_ours
    $number = pw_points_last
    if ($number -eq 0) { return 0 }
    $read = pw_manifest (pw_point_path $number '')
    if ($null -eq $read -or $read.kind -cne 'activation') { return 0 }
    if ($read.text -cne ($action + ' ' + (pw_point_text $kind $key)) -or $read.key['step'] -cne $plr.noted) { return 0 }
    return $number
}

# PATH: a manifest or NUMBER.after taken apart: `word` has the lines of one word, `key`, `of` and `attr` are
# dictionaries. $null when it is not complete, because its step was cut off before it changed anything.
function pw_manifest($path) {
    $lines = [IO.File]::ReadAllText($path).Split("`n")
    if ($lines.Length -lt 2 -or $lines[$lines.Length - 2] -cne '#END') { return $null }
    $read = @{ kind = ''; text = ''; absent = $false; key = [ordered]@{}; of = [ordered]@{}; attr = [ordered]@{} }
    $read.touched = [string[]]@()
    $read.word = @{}
    foreach ($line in $lines) {
        $words = $line.Split(' ')
        switch -CaseSensitive ($words[0]) {
            'kind' { $read.kind = $words[1] }
            'text' { $read.text = (pw_unpack $words[1])[0] }
            'absent' { $read.absent = $true }
            'key' { $read.key[$words[1]] = (pw_unpack $words[2])[0] }
            'of' { $read.of[$words[1]] = (pw_unpack $words[2])[0] }
            'attr' { $read.attr[$words[1]] = [string[]](pw_unpack $words[2]) }
            'sealed' {
                $plain = pw_sys_unseal ([Convert]::FromBase64String($words[2]))
                $read.attr[$words[1]] = [string[]]@([Text.Encoding]::UTF8.GetString($plain))
            }
            'touched' { $read.touched = [string[]]$line.Substring(8).Split(' ') }
            '' { }
            '#END' { }
            default { $read.word[$words[0]] = [string[]](pw_unpack $words[1]) }
        }
    }
    return $read
}
