# Packages of Chocolatey, through choco.exe (docs.chocolatey.org/en-us/choco/commands). The thing is the host: packages
# bring others along, and a rollback undoes what the run changed of all of them (versions.ps1).

# What choco.exe ends with when it was done: 1605 and 1614 say that a product was not there, 1641 and 3010 that Windows
# has to be restarted (docs.chocolatey.org/en-us/choco/commands/install, "Exit Codes").
$script:pw_choco_fine = @(0, 1605, 1614, 1641, 3010)
$script:pw_choco_longest = 20000

# The path of choco.exe; empty where this host has none.
function pw_sys_choco {
    $folders = [Collections.Generic.List[string]]::new()
    foreach ($scope in @('Process', 'Machine')) {
        $root = [Environment]::GetEnvironmentVariable('ChocolateyInstall', $scope)
        if (-not [string]::IsNullOrEmpty($root)) { $folders.Add([IO.Path]::Combine($root, 'bin')) }
    }
    $data = [Environment]::GetFolderPath('CommonApplicationData')
    $folders.Add([IO.Path]::Combine($data, 'chocolatey', 'bin'))
    foreach ($folder in ([string][Environment]::GetEnvironmentVariable('PATH')).Split(';')) {
        if ($folder.Trim() -cne '') { $folders.Add($folder.Trim()) }
    }
    foreach ($folder in $folders) {
        $file = [IO.Path]::Combine($folder, 'choco.exe')
        if ([IO.Path]::IsPathRooted($folder) -and [IO.File]::Exists($file)) { return $file }
    }
    return ''
}

# WORDS SECONDS: what choco.exe answers: its code and what it said.
function pw_sys_choco_run($words, $seconds) {
    $file = pw_sys_choco
    if ($file -ceq '') {
        throw "this host has no Chocolatey: choco.exe is not there`nhint: install it first, with ``win_package`` and the MSI" +
            ' of its releases, or with `win_powershell` and the script of your own server'
    }
    return pw_sys_program $file $words $seconds
}

# WORDS: the rows `A|B|...` of a question. 2 says that there is nothing, or that something is outdated.
function pw_choco_rows($words) {
    $ended = pw_sys_choco_run $words 600
    if (@(0, 2) -notcontains $ended.code) {
        throw ('choco {0} failed with {1}: {2}' -f $words[0], $ended.code, (pw_choco_tail $ended.text))
    }
    $rows = [Collections.Generic.List[string]]::new()
    foreach ($line in $ended.text.Split("`n")) {
        $row = $line.Trim()
        if ($row -cmatch '^[A-Za-z0-9_.-]+\|[^|\s]+(\|[^|\s]*)*$') { $rows.Add($row) }
        if ($rows.Count -gt 20000) { throw "choco $($words[0]) tells of more than 20000 packages" }
    }
    return , $rows.ToArray()
}

# TEXT: its end.
function pw_choco_tail($text) {
    $tail = $text.Trim()
    if ($tail.Length -gt $script:pw_choco_longest) { $tail = $tail.Substring($tail.Length - $script:pw_choco_longest) }
    return $tail
}

# The first number of Chocolatey's version: since 2, `list` tells of this host alone, and has lost the option for it.
function pw_choco_major {
    $ended = pw_sys_choco_run @('--version') 120
    $found = [regex]::Match($ended.text, '(?m)^\s*v?([0-9]{1,4})\.[0-9]')
    if (-not $found.Success) { throw "choco --version does not say a version: ``$(pw_choco_tail $ended.text)``" }
    return [int]$found.Groups[1].Value
}

function pw_installed_chocolatey {
    $words = @('list', '--limit-output')
    if ((pw_choco_major) -lt 2) { $words = @('list', '--local-only', '--limit-output') }
    $rows = [Collections.Generic.List[string]]::new([string[]](pw_choco_rows $words))
    $rows.Sort([StringComparer]::OrdinalIgnoreCase)
    return , $rows.ToArray()
}

function pw_choco_pins {
    $rows = [Collections.Generic.List[string]]::new([string[]](pw_choco_rows @('pin', 'list', '--limit-output')))
    $rows.Sort([StringComparer]::OrdinalIgnoreCase)
    return , $rows.ToArray()
}

# TEXT: a version as it is compared: three numbers at least, no zeros in front, no fourth number that is 0.
function pw_choco_version($text) {
    $main = $text.Split('+')[0]
    $rest = ''
    $dash = $main.IndexOf('-')
    if ($dash -ge 0) {
        $rest = $main.Substring($dash).ToLowerInvariant()
        $main = $main.Substring(0, $dash)
    }
    $numbers = [Collections.Generic.List[string]]::new()
    foreach ($part in $main.Split('.')) {
        $short = $part.TrimStart('0')
        if ($short -ceq '') { $short = '0' }
        $numbers.Add($short)
    }
    while ($numbers.Count -lt 3) { $numbers.Add('0') }
    if ($numbers.Count -eq 4 -and $numbers[3] -ceq '0') { $numbers.RemoveAt(3) }
    return [string]::Join('.', $numbers) + $rest
}

# VERSIONS NAME: the installed version of a package; empty where it is not there.
function pw_choco_at($all, $name) {
    $found = pw_versions_of $all $name.ToLowerInvariant()
    if ($found.Length -eq 0) { return '' }
    return $found[0]
}

# ARGUMENTS VERSIONS: what has to be done: a list of lists, a verb and names each. Names of packages are in small letters.
function pw_choco_plan($a, $all) {
    $want = pl_arg $a 'want'
    $version = pl_arg $a 'version'
    $force = pl_flag $a 'force'
    $there = [Collections.Generic.List[string]]::new()
    $missing = [Collections.Generic.List[string]]::new()
    $other = [Collections.Generic.List[string]]::new()
    foreach ($name in (pl_list $a 'names')) {
        if ($name -ceq 'all') { continue }
        $is = pw_choco_at $all $name
        if ($is -ceq '') {
            $missing.Add($name)
        } elseif ($null -ne $version -and (pw_choco_version $is) -cne (pw_choco_version $version)) {
            $other.Add($name)
        } else {
            $there.Add($name)
        }
    }
    $plan = [Collections.Generic.List[object]]::new()
    $here = [Collections.Generic.List[string]]::new($there)
    $here.AddRange($other)
    switch -CaseSensitive ($want) {
        'absent' {
# With a version only that one goes.
            pw_choco_step $plan 'uninstall' $there
        }
        'present' {
            if ($other.Count -gt 0 -and -not $force) {
                $words = '`{0}` is installed as {1}, and {2} is asked for'
                throw ($words -f $other[0], (pw_choco_at $all $other[0]), $version) +
                    "`nhint: ``state: latest`` upgrades to that version, ``state: downgrade`` goes back to it"
            }
            if ($force) { $missing.AddRange($here) }
            pw_choco_step $plan 'install' $missing
        }
        'reinstalled' {
            pw_choco_step $plan 'uninstall' $here
            $missing.AddRange($here)
            pw_choco_step $plan 'install' $missing
        }
        default {
            pw_choco_step $plan 'install' $missing
            if ($force) {
                pw_choco_step $plan 'upgrade' $here
            } elseif ($null -ne $version) {
                pw_choco_step $plan 'upgrade' $other
            } elseif ($there.Count -gt 0 -or (pl_list $a 'names') -ccontains 'all') {
                pw_choco_step $plan 'upgrade' (pw_choco_outdated $a $there)
            }
        }
    }
    return , $plan.ToArray()
}

# PLAN VERB NAMES: adds a step, if there are names.
function pw_choco_step($plan, $verb, $names) {
    if ($names.Count -gt 0) { $plan.Add([string[]](@($verb) + @($names))) }
}

# ARGUMENTS NAMES: those of them that have a newer version, or all where the task says so. A package that is pinned stays.
function pw_choco_outdated($a, $names) {
    $words = [Collections.Generic.List[string]]::new()
    $words.AddRange([string[]]@('outdated', '--limit-output', '--ignore-pinned', '--ignore-unfound'))
    $words.AddRange([string[]](pw_choco_where $a))
    $found = [Collections.Generic.List[string]]::new()
    foreach ($row in (pw_choco_rows $words.ToArray())) {
        $parts = $row.Split('|')
        if ($parts.Length -lt 4 -or $parts[3] -ceq 'true') { continue }
        $asked = (pl_list $a 'names') -ccontains 'all'
        foreach ($name in $names) {
            if ([string]::Equals($name, $parts[0], [StringComparison]::OrdinalIgnoreCase)) { $asked = $true }
        }
        if ($asked) { $found.Add($parts[0].ToLowerInvariant()) }
    }
    return , $found.ToArray()
}

# ARGUMENTS: where packages come from, as words.
function pw_choco_where($a) {
    $words = [Collections.Generic.List[string]]::new()
    foreach ($pair in @(@('source', '--source'), @('proxy', '--proxy'))) {
        $value = pl_arg $a $pair[0]
        if ($null -ne $value) { $words.Add($pair[1]); $words.Add($value) }
    }
    if (pl_flag $a 'prerelease') { $words.Add('--prerelease') }
    return , $words.ToArray()
}

# ARGUMENTS STEP: the words of one run of choco.exe.
function pw_choco_words($a, $step) {
    $words = [Collections.Generic.List[string]]::new([string[]]$step)
    $words.AddRange([string[]]@('--yes', '--no-progress', '--limit-output', '--timeout', (pl_arg $a 'timeout')))
    $flags = [ordered]@{ force = '--force'; skip_scripts = '--skip-scripts'; override_arguments = '--override-arguments' }
    if ($step[0] -ceq 'uninstall') {
        $flags['remove_dependencies'] = '--remove-dependencies'
    } else {
        $words.Add('--fail-on-unfound')
        $words.AddRange([string[]](pw_choco_where $a))
        foreach ($pair in @(@('install_arguments', '--install-arguments'), @('parameters', '--package-parameters'))) {
            $value = pl_arg $a $pair[0]
            if ($null -ne $value) { $words.Add($pair[1]); $words.Add($value) }
        }
        $flags['allow_empty_checksums'] = '--allow-empty-checksums'
        $flags['ignore_checksums'] = '--ignore-checksums'
        $flags['ignore_dependencies'] = '--ignore-dependencies'
        $flags['x86'] = '--x86'
        if ((pl_arg $a 'want') -ceq 'downgrade') { $words.Add('--allow-downgrade') }
    }
    $version = pl_arg $a 'version'
    if ($null -ne $version) { $words.Add('--version'); $words.Add($version) }
    foreach ($name in $flags.Keys) {
        if (pl_flag $a $name) { $words.Add($flags[$name]) }
    }
    $words.AddRange([string[]](pl_list $a 'more'))
    return , $words.ToArray()
}

# ARGUMENTS PINS VERSIONS: what has to be done about pins: lists `add` or `remove`, a name, and a version or nothing.
function pw_choco_pinning($a, $pins, $all) {
    $steps = [Collections.Generic.List[object]]::new()
    $wanted = pl_arg $a 'pinned'
    if ($null -eq $wanted -or (pl_arg $a 'want') -ceq 'absent') { return , $steps.ToArray() }
    $known = pw_versions $pins
    foreach ($name in (pl_list $a 'names')) {
        $pinned = pw_choco_at $known $name
        if ($wanted -ceq '1' -and $pinned -ceq '') { $steps.Add([string[]]@('add', $name, (pw_choco_at $all $name))) }
        if ($wanted -ceq '0' -and $pinned -cne '') { $steps.Add([string[]]@('remove', $name, '')) }
    }
    return , $steps.ToArray()
}

# STEP: adds or removes a pin.
function pw_choco_pin($step) {
    $words = [string[]]@('pin', $step[0], '--name', $step[1], '--limit-output')
    if ($step[2] -cne '') { $words = [string[]](@($words) + @('--version', $step[2])) }
    $ended = pw_sys_choco_run $words 120
# 2: nothing was to do.
    if (@(0, 2) -notcontains $ended.code) {
        throw ('choco pin {0} {1} failed with {2}: {3}' -f $step[0], $step[1], $ended.code, (pw_choco_tail $ended.text))
    }
}

# names want version source proxy timeout flags pinned more check: see the module. Reports `changed`, `rc`, `command`,
# `stdout`, `reboot`.
function pw_chocolatey($a) {
    $script:pw_call = $a
    $check = pl_flag $a 'check'
    $want = pl_arg $a 'want'
    if ((pw_sys_choco) -ceq '' -and ($check -or $want -ceq 'absent')) {
# An earlier task may be meant to install it, and without it there is nothing that could be removed.
        if ($want -cne 'absent') { [void](pl_v 'changed' '1') }
        return 0
    }
    $installed = pw_installed_chocolatey
    $all = pw_versions $installed
    $plan = pw_choco_plan $a $all
    $state = [ordered]@{ installed = $installed }
    $pins = [string[]]@()
    if ($null -ne (pl_arg $a 'pinned')) {
        $pins = pw_choco_pins
        $state['pinned'] = $pins
    }
    $pinning = pw_choco_pinning $a $pins $all
    if ($plan.Length -eq 0 -and $pinning.Length -eq 0) { return 0 }
    [void](pl_v 'changed' '1')
    if ($check) { return 0 }
    $source = pl_arg $a 'source'
    if ($null -ne $source) { $state['source'] = [string[]]@($source) }
    $key = [ordered]@{ host = 'packages' }
    $number = pw_versions_point 'chocolatey' $key $state
    try {
        $status = pw_choco_act $a $plan $pins
    } finally {
        $after = [ordered]@{ installed = (pw_installed_chocolatey) }
        if ($state.Contains('pinned')) { $after['pinned'] = (pw_choco_pins) }
        pw_point_after $number $after
    }
    if ($status -ne 0) { return $status }
    return pw_choco_as_wanted $a (pw_versions $after['installed'])
}

# ARGUMENTS PLAN PINS: does it; 0 or the status of the failure.
function pw_choco_act($a, $plan, $pins) {
    $known = pw_versions $pins
    foreach ($step in $plan) {
        if ((pl_arg $a 'pinned') -ceq '0' -and $step[0] -ceq 'upgrade') {
# A pin keeps an upgrade from happening.
            for ($i = 1; $i -lt $step.Length; $i++) {
                if ((pw_choco_at $known $step[$i]) -cne '') { pw_choco_pin @('remove', $step[$i], '') }
            }
        }
        $words = pw_choco_words $a $step
        $ended = pw_sys_choco_run $words ([int](pl_arg $a 'limit'))
        [void](pl_v 'rc' ([string]$ended.code))
        [void](pl_v 'command' ('choco.exe ' + (pl_quote_argv $words)))
        [void](pl_v 'stdout' (pw_choco_tail $ended.text))
        if (@(350, 1604, 1641, 3010) -contains $ended.code) { [void](pl_v 'reboot' '1') }
        if ($script:pw_choco_fine -notcontains $ended.code) {
            return pl_fail ('choco {0} failed with {1}{2}' -f $step[0], $ended.code, (pw_choco_why $ended))
        }
    }
    if ($null -ne (pl_arg $a 'pinned')) {
        $now = pw_versions (pw_installed_chocolatey)
        foreach ($step in (pw_choco_pinning $a (pw_choco_pins) $now)) { pw_choco_pin $step }
    }
    return 0
}

# ENDED: why it failed, as far as that is known.
function pw_choco_why($ended) {
    switch ($ended.code) {
        350 { return " (a restart is pending)`nhint: restart with ``win_reboot``, then run again" }
        1604 { return " (a restart is needed before it can go on)`nhint: restart with ``win_reboot``, then run again" }
    }
    foreach ($line in $ended.text.Split("`n")) {
        if ($line -cmatch 'not found with the source|was not found|Unable to|ERROR|hash|checksum') {
            $text = $line.Trim()
            if ($text.Length -gt 300) { $text = $text.Substring(0, 300) }
            return ": $text"
        }
    }
    return "`nhint: see ``stdout``"
}

# ARGUMENTS VERSIONS: fails where another run would do something again.
function pw_choco_as_wanted($a, $all) {
    $version = pl_arg $a 'version'
    foreach ($name in (pl_list $a 'names')) {
        if ($name -ceq 'all') { continue }
        $is = pw_choco_at $all $name
        if ((pl_arg $a 'want') -ceq 'absent') {
            if ($is -ceq '') { continue }
            if ($null -ne $version -and (pw_choco_version $is) -cne (pw_choco_version $version)) { continue }
            return pl_fail "``$name`` is still there after choco removed it"
        }
        if ($is -ceq '') { return pl_fail "``$name`` is not there after choco installed it" }
        if ($null -ne $version -and (pw_choco_version $is) -cne (pw_choco_version $version)) {
            return pl_fail "``$name`` is there as $is after choco was asked for $version`nhint: see ``stdout``; is it pinned?"
        }
    }
    return 0
}

# For a rollback.
function pw_bring_chocolatey($read, $name, $came, $gone) {
    $words = [Collections.Generic.List[string]]::new()
    if ($gone.Length -eq 0) {
        $words.AddRange([string[]]@('uninstall', $name))
    } elseif ($came.Length -eq 0) {
        $words.AddRange([string[]]@('install', $name, '--version', $gone[0]))
    } else {
        $words.AddRange([string[]]@('upgrade', $name, '--version', $gone[0], '--allow-downgrade'))
    }
    $words.AddRange([string[]]@('--yes', '--no-progress', '--limit-output'))
    if ($gone.Length -gt 0 -and $read.attr.Contains('source')) {
        $words.AddRange([string[]]@('--source', $read.attr['source'][0]))
    }
    $ended = pw_sys_choco_run $words.ToArray() 3600
    if ($script:pw_choco_fine -notcontains $ended.code) {
        throw ('choco {0} {1} failed with {2}{3}' -f $words[0], $name, $ended.code, (pw_choco_why $ended))
    }
}

# For a rollback: packages first, as a pin would keep them; then the pins.
function pw_undo_chocolatey($number, $read, $force) {
    $pinned = [string[]]@()
    $set = [string[]]@()
    if ($read.attr.Contains('pinned')) {
        $pinned = $read.attr['pinned']
        $after = pw_after $number
        $set = pw_choco_pins
        if ($null -ne $after) { $set = $after.attr['pinned'] }
        $old = pw_versions $pinned
        foreach ($name in (pw_versions $set).Keys) {
            if (-not $old.ContainsKey($name)) { pw_choco_pin @('remove', $name, '') }
        }
    }
    pw_undo_versions $number $read $force
    $new = pw_versions $set
    foreach ($row in $pinned) {
        $parts = $row.Split('|')
        if (-not $new.ContainsKey($parts[0].ToLowerInvariant())) { pw_choco_pin @('add', $parts[0], $parts[1]) }
    }
}
