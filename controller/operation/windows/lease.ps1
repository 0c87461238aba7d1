# The lease of a host: one run at a time works on what lies below one BASE. In BASE\lease the highest number is the
# claim that counts, and the number is the fence that is looked at before every step. `N` is a claim, made whole by a
# rename that replaces nothing, so that one of many racers gets a number; `N.until` has lines that say until when it
# holds, in seconds since this boot, the last one counts; `N.free` says that its run has left; `N.SESSION.shell` is a
# shell that works under it: its first line says whether it is within a step, and it holds the file open, so that the
# system tells whether it lives. Numbers are never given twice.

$script:pw_lease = $null

# LIMIT: whether a step may start. The note comes before the look: who takes the host over makes its claim before it
# looks at the note, so one of the two sees the other.
function pl_allow([long]$limit) {
    if ($null -eq $script:pw_lease) { return $true }
    pw_lease_note "S $limit"
    $why = pw_lease_lost $script:pw_lease
    if ($why -ceq '') { return $true }
    pw_lease_note 'R'
    $pl.why = $why
    return $false
}

# The step that was allowed is over.
function pl_over {
    if ($null -ne $script:pw_lease) { pw_lease_note 'R' }
}

# Why the claim of a session holds no longer; empty if it does.
function pw_lease_lost($lease) {
    if (-not (pw_lease_has $lease.fence '') -or (pw_lease_has ($lease.fence + 1) '')) { return 'the lease was taken over' }
    if ((plr_uptime) -ge $lease.until) {
        $lease.until = pw_lease_until $lease.folder $lease.fence $lease.until
        if ((plr_uptime) -ge $lease.until) { return 'the lease ran out' }
    }
    return ''
}

# TEXT: what this shell is at, of one length, so that a reader never meets half of it.
function pw_lease_note([string]$text) {
    $shell = $script:pw_lease.shell
    if ($null -eq $shell) { return }
    $bytes = [Text.Encoding]::ASCII.GetBytes($text.PadRight(23) + "`n")
    try {
        [void]$shell.Seek(0, [IO.SeekOrigin]::Begin)
        $shell.Write($bytes, 0, $bytes.Length)
        $shell.Flush()
    } catch { plr_die "the lease cannot be written: $(plr_message $_)" }
}

# FOLDER NUMBER SUFFIX: a file of a claim.
function pw_lease_path([string]$folder, [long]$number, [string]$suffix) { return [IO.Path]::Combine($folder, "$number$suffix") }

function pw_lease_has([long]$number, [string]$suffix) {
    return [IO.File]::Exists((pw_lease_path $script:pw_lease.folder $number $suffix))
}

# PATH: the lines of a file that others may write at the moment; $null if it is not there.
function pw_lease_lines([string]$path) {
    try {
        $stream = [IO.FileStream]::new($path, [IO.FileMode]::Open, [IO.FileAccess]::Read, [IO.FileShare]'ReadWrite, Delete')
    } catch { return $null }
    try {
        $reader = [IO.StreamReader]::new($stream, [Text.UTF8Encoding]::new($false))
        return , $reader.ReadToEnd().Split([char]10)
    } finally { $stream.Dispose() }
}

# FOLDER NUMBER SECONDS: until when a claim holds; SECONDS is what it said at first.
function pw_lease_until([string]$folder, [long]$number, [long]$first) {
    $lines = pw_lease_lines (pw_lease_path $folder $number '.until')
    if ($null -eq $lines) { return $first }
    # The last line ends the file; what stands behind the last line end is not whole.
    for ($i = $lines.Length - 2; $i -ge 0; $i--) {
        if ([regex]::IsMatch($lines[$i], '\A[0-9]{1,15}\z')) { return [long]$lines[$i] }
    }
    return $first
}

# FOLDER NUMBER UNTIL: a claim holds longer.
function pw_lease_extend([string]$folder, [long]$number, [long]$until) {
    $path = pw_lease_path $folder $number '.until'
    $stream = [IO.FileStream]::new($path, [IO.FileMode]::Append, [IO.FileAccess]::Write, [IO.FileShare]'ReadWrite, Delete')
    try {
        $bytes = [Text.Encoding]::ASCII.GetBytes("$until`n")
        $stream.Write($bytes, 0, $bytes.Length)
    } finally { $stream.Dispose() }
}

# FOLDER: the numbers of the claims, in order.
function pw_lease_numbers([string]$folder) {
    $numbers = [Collections.Generic.List[long]]::new()
    if ([IO.Directory]::Exists($folder)) {
        foreach ($path in [IO.Directory]::GetFiles($folder)) {
            $name = [IO.Path]::GetFileName($path)
            if ([regex]::IsMatch($name, '\A[1-9][0-9]{0,14}\z')) { $numbers.Add([long]$name) }
        }
    }
    $numbers.Sort()
    return , $numbers
}

function pw_lease_last([string]$folder) {
    $numbers = pw_lease_numbers $folder
    if ($numbers.Count -eq 0) { return [long]0 }
    return $numbers[$numbers.Count - 1]
}

# FOLDER NUMBER: a claim taken apart; $null if it is not there, or not whole.
function pw_lease_read([string]$folder, [long]$number) {
    $lines = pw_lease_lines (pw_lease_path $folder $number '')
    if ($null -eq $lines -or $lines.Length -lt 5 -or $lines[4] -cne '#END') { return $null }
    $words = $lines[0].Split(' ')
    if ($words.Length -ne 5) { return $null }
    foreach ($word in @($words[1], $words[3], $words[4])) {
        if (-not [regex]::IsMatch($word, '\A[0-9]{1,15}\z')) { return $null }
    }
    return @{
        run = $words[0]; incarnation = [long]$words[1]; boot = $words[2]; seconds = [long]$words[4]
        until = pw_lease_until $folder $number ([long]$words[3])
        operator = $lines[1]; since = $lines[2]; host = $lines[3]
    }
}

# Whether a claim is of an earlier boot: its number says so, or it ends later than any claim of this one can.
function pw_lease_of_old($claim) {
    return $claim.boot -cne (plr_boot) -or $claim.until -gt (plr_uptime) + $claim.seconds + 3600
}

# The folder of the lease of this session.
function pw_lease_folder { return [IO.Path]::Combine($script:pw_at.base, 'lease') }

# run incarnation seconds operator since host: takes the lease for a session, or joins it where the run has it
# already, and reports what came of it. Without a lease no step is allowed.
function pw_lease_take($a) {
    $folder = pw_lease_folder
    $script:pw_lease = @{ folder = $folder; fence = [long]0; until = [long]0; shell = $null; path = ''; note = '' }
    $asked = @{
        run = pl_arg $a 'run'; incarnation = [long](pl_arg $a 'incarnation'); seconds = [long](pl_arg $a 'seconds')
        operator = pl_arg $a 'operator'; since = pl_arg $a 'since'; host = pl_arg $a 'host'
    }
    try {
        pw_lease_ready $folder
        pw_lease_try $script:pw_lease $asked
    } catch {
        pw_lease_unpresent $script:pw_lease
        $script:pw_lease.fence = [long]0
        plr_info 'lease' "none $(plr_message $_)"
    }
    return 0
}

# FOLDER: makes it, or sees to it that it is ours.
function pw_lease_ready([string]$folder) {
    foreach ($path in @($script:pw_at.base, $folder)) {
        if (-not [IO.Directory]::Exists($path)) { pw_sys_private_folder $path }
        if (-not (pw_sys_ours $path)) { throw "``$path`` belongs to somebody else" }
    }
}

# Takes, joins, or is refused.
function pw_lease_try($lease, $asked) {
    for ($tries = 0; $tries -lt 100; $tries++) {
        $number = pw_lease_last $lease.folder
        $claim = $null
        if ($number -gt 0 -and -not (pw_lease_has $number '.free')) { $claim = pw_lease_read $lease.folder $number }
        $verdict = pw_lease_judge $number $claim $asked
        if ($verdict -ceq 'held') {
            plr_info 'lease' "held $number $($lease.folder)"
            pw_lease_tell $claim
            plr_info 'lease_left' ($claim.until - (plr_uptime))
            return
        }
        if ($verdict -ceq 'join') {
            if (pw_lease_join $lease $number $claim) { return }
        } elseif (pw_lease_claim $lease ($number + 1) $asked) {
            pw_lease_settle $lease $claim $asked
            return
        }
    }
    throw "the claims in ``$($lease.folder)`` cannot be read"
}

# NUMBER CLAIM ASKED: what a session may do about the claim that counts.
function pw_lease_judge([long]$number, $claim, $asked) {
    # A claim that is there and cannot be read was torn by a crash of the machine.
    if ($null -eq $claim -or (pw_lease_of_old $claim)) { return 'take' }
    $over = (plr_uptime) -ge $claim.until
    if ($claim.run -cne $asked.run) {
        if ($over) { return 'take' }
        return 'held'
    }
    if ($claim.incarnation -gt $asked.incarnation) { return 'held' }
    if ($claim.incarnation -lt $asked.incarnation -or $over) { return 'take' }
    # The same controller, and not another one with a copy of its state folder.
    if ($claim.since -ceq $asked.since) { return 'join' }
    return 'held'
}

# Says whose a claim is.
function pw_lease_tell($claim) {
    plr_info 'lease_run' $claim.run
    plr_info 'lease_operator' $claim.operator
    plr_info 'lease_since' $claim.since
    plr_info 'lease_host' $claim.host
}

# Makes the claim NUMBER; $false if another was faster.
function pw_lease_claim($lease, [long]$number, $asked) {
    $lease.until = (plr_uptime) + $asked.seconds
    $first = "$($asked.run) $($asked.incarnation) $(plr_boot) $($lease.until) $($asked.seconds)"
    $text = [string]::Join("`n", [string[]]@($first, $asked.operator, $asked.since, $asked.host, '#END', ''))
    $whole = [IO.Path]::Combine($lease.folder, ".claim-$($plr.name)")
    [IO.File]::WriteAllText($whole, $text, [Text.UTF8Encoding]::new($false))
    try { [IO.File]::Move($whole, (pw_lease_path $lease.folder $number '')) }
    catch {
        [IO.File]::Delete($whole)
        if (pw_lease_has $number '') { return $false }
        throw
    }
    $lease.fence = $number
    try { pw_lease_present $lease }
    catch {
        [IO.File]::WriteAllText((pw_lease_path $lease.folder $number '.free'), '')
        throw
    }
    return $true
}

# Notes that this shell works under the claim. Others may read the file, and cannot write to it or remove it.
function pw_lease_present($lease) {
    $path = pw_lease_path $lease.folder $lease.fence ".$($plr.name).shell"
    $stream = [IO.FileStream]::new($path, [IO.FileMode]::CreateNew, [IO.FileAccess]::Write, [IO.FileShare]::Read)
    $lease.shell = $stream
    $lease.path = $path
    $me = [Diagnostics.Process]::GetCurrentProcess()
    $text = 'R'.PadRight(23) + "`n$($me.Id) $($me.StartTime.ToUniversalTime().Ticks)`n$($pl.dir)`n"
    $bytes = [Text.UTF8Encoding]::new($false).GetBytes($text)
    $stream.Write($bytes, 0, $bytes.Length)
    $stream.Flush()
}

function pw_lease_unpresent($lease) {
    if ($null -eq $lease.shell) { return }
    $lease.shell.Dispose()
    $lease.shell = $null
    [IO.File]::Delete($lease.path)
}

# Joins the claim of the same run. $false if it was left or taken over meanwhile.
function pw_lease_join($lease, [long]$number, $claim) {
    $lease.fence = $number
    $lease.until = $claim.until
    pw_lease_present $lease
    if (-not (pw_lease_has $number '.free') -and -not (pw_lease_has ($number + 1) '')) {
        plr_info 'lease' "joined $number $($lease.folder)"
        return $true
    }
    pw_lease_unpresent $lease
    $lease.fence = [long]0
    return $false
}

# FOLDER NUMBER: the files of the shells under a claim, or under all claims before it.
function pw_lease_shells([string]$folder, [long]$number, [bool]$earlier) {
    $found = [Collections.Generic.List[string]]::new()
    foreach ($path in [IO.Directory]::GetFiles($folder, '*.shell')) {
        $first = [IO.Path]::GetFileName($path).Split('.')[0]
        if (-not [regex]::IsMatch($first, '\A[1-9][0-9]{0,14}\z')) { continue }
        if (($earlier -and [long]$first -lt $number) -or (-not $earlier -and [long]$first -eq $number)) { $found.Add($path) }
    }
    return , $found
}

# The shells of earlier claims are over before this session takes a step. A step in hand is waited for, and ended if it
# outlives its limit; without a limit the lease is given back.
function pw_lease_settle($lease, $claim, $asked) {
    $waited = [long]0
    foreach ($path in (pw_lease_shells $lease.folder $lease.fence $true)) {
        $ended = pw_lease_end $lease $path $asked
        $waited = [Math]::Max($waited, $ended.waited)
        if (-not $ended.over) {
            [IO.File]::WriteAllText((pw_lease_path $lease.folder $lease.fence '.free'), '')
            pw_lease_unpresent $lease
            $lease.fence = [long]0
            plr_info 'lease' "busy $($ended.process) $($ended.waited)"
            return
        }
    }
    if ((pw_lease_numbers $lease.folder).Count -ge 50) { pw_lease_collect $lease.folder }
    plr_info 'lease' "taken $($lease.fence) $($lease.folder)"
    if ($null -ne $claim) {
        pw_lease_tell $claim
        if ($waited -gt 0) { plr_info 'lease_waited' $waited }
    }
}

# PATH: sees to it that one shell is over.
function pw_lease_end($lease, [string]$path, $asked) {
    $shell = pw_lease_shell $path
    $ended = @{ over = $true; process = $shell.id; waited = [long]0 }
    $began = plr_uptime
    $bound = [long]-1; $limit = [long]0; $tries = 0
    while (pw_lease_alive $path) {
        $note = (pw_lease_shell $path).note
        $ended.waited = (plr_uptime) - $began
        if ($note[0] -ceq 'S') {
            if ($bound -lt 0) {
                $limit = [long]$note[1]
                $bound = 600
                if ($limit -gt 0) { $bound = $limit + 15 }
            }
            if ($ended.waited -ge $bound) {
                if ($limit -eq 0) { $ended.over = $false; return $ended }
                pw_lease_kill $shell
            }
            plr_info 'lease_wait' "$($shell.id) $($ended.waited) $bound"
            # The claim is kept while its session waits.
            $lease.until = (plr_uptime) + $asked.seconds
            pw_lease_extend $lease.folder $lease.fence $lease.until
        } else {
            # It saw this claim, or will before its next step: it does nothing more.
            $tries++
            if ($tries -gt 150) { $ended.over = $false; return $ended }
            pw_lease_kill $shell
        }
        [Threading.Thread]::Sleep(200)
    }
    if ([regex]::IsMatch($shell.folder, '[\\/]\.paceline-[0-9a-f]{32}\z')) { plr_delete $shell.folder }
    [IO.File]::Delete($path)
    return $ended
}

# PATH: what a shell says of itself.
function pw_lease_shell([string]$path) {
    $shell = @{ note = [string[]]@('R', '0'); id = 0; start = [long]0; folder = '' }
    $lines = pw_lease_lines $path
    if ($null -eq $lines -or $lines.Length -lt 3) { return $shell }
    if ([regex]::IsMatch($lines[0].Trim(), '\AS [0-9]{1,15}\z')) { $shell.note = $lines[0].Trim().Split(' ') }
    if ([regex]::IsMatch($lines[1], '\A[0-9]{1,9} [0-9]{1,18}\z')) {
        $words = $lines[1].Split(' ')
        $shell.id = [int]$words[0]
        $shell.start = [long]$words[1]
    }
    $shell.folder = $lines[2]
    return $shell
}

# PATH: whether the shell that made the file holds it open.
function pw_lease_alive([string]$path) {
    if (-not [IO.File]::Exists($path)) { return $false }
    try {
        $stream = [IO.FileStream]::new($path, [IO.FileMode]::Open, [IO.FileAccess]::Write, [IO.FileShare]'ReadWrite, Delete')
        $stream.Dispose()
        return $false
    } catch { return [IO.File]::Exists($path) }
}

# SHELL: ends it and what it started, if the process is the one that was noted.
function pw_lease_kill($shell) {
    try {
        $process = [Diagnostics.Process]::GetProcessById($shell.id)
        if ($process.StartTime.ToUniversalTime().Ticks -eq $shell.start) { plr_kill_tree $process }
    } catch { $plr.ignored = $_ }
}

# This session leaves; the last one of its claim frees it.
function pl_leaving {
    $lease = $script:pw_lease
    if ($null -eq $lease -or $lease.fence -eq 0) { return }
    pw_lease_unpresent $lease
    if (-not (pw_lease_has $lease.fence '') -or (pw_lease_has ($lease.fence + 1) '')) { return }
    if ((pw_lease_shells $lease.folder $lease.fence $false).Count -gt 0) { return }
    $free = pw_lease_path $lease.folder $lease.fence '.free'
    [IO.File]::WriteAllText($free, '')
    # A session that joined in this moment goes on.
    if ((pw_lease_shells $lease.folder $lease.fence $false).Count -gt 0) { [IO.File]::Delete($free) }
}

# FOLDER: removes claims that no longer count, the lowest first: a shell whose own claim is gone takes no step.
function pw_lease_collect([string]$folder) {
    $numbers = pw_lease_numbers $folder
    for ($i = 0; $i -lt $numbers.Count - 1; $i++) {
        foreach ($suffix in @('', '.until', '.free')) { [IO.File]::Delete((pw_lease_path $folder $numbers[$i] $suffix)) }
    }
}
