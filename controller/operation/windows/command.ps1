# Programs and scripts of the user: they run as children of the session, which they cannot read or write.

# What `environment` of the step in hand says: the number of the step, names, values.
$script:pw_environment = @{ id = ''; names = [string[]]@(); values = [string[]]@() }

# environment names values: variables for the programs of this step.
function pw_environment($a) {
    $script:pw_environment = @{ id = $pl.id; names = (pl_list $a 'names'); values = (pl_list $a 'values') }
    return 0
}

# command (argv | line | script name [executable] [arguments]) [chdir] [creates] [removes] [stdin] [check]
# `line` is a whole command line as CreateProcess takes it. The word `@powershell` in front stands for the host's own
# PowerShell, `@cmd` for its command interpreter. With `stdin` the payload is the child's input; for a script the
# payload is the file that runs.
# Reports `skip` (creates, removes), `fault` (chdir), `missing` (the number of the error that kept it from starting).
function pw_command($a) {
    $skip = pw_command_skip $a
    if ($skip -ne '') { [void](pl_v 'skip' $skip); return 0 }
    $options = @{}
    if (pl_flag $a 'check') { return 0 }
    $folder = pl_arg $a 'chdir'
    if ($null -ne $folder) {
        $folder = pw_path $folder
        if (-not [IO.Directory]::Exists($folder)) { [void](pl_v 'fault' 'chdir'); return 1 }
        $options['cwd'] = $folder
    }
    if (pl_flag $a 'stdin') { $options['stdin'] = pl_payload_bytes }
    $watched = pw_command_points $a
    $status = pw_command_start $a $options
    if (-not (pw_armed_rollback)) { foreach ($point in $watched) { pw_point_file_after $point } }
    return $status
}

# Which of the guards says that nothing is to be done, if one does.
function pw_command_skip($a) {
    $creates = pl_arg $a 'creates'
    if ($null -ne $creates -and (pw_exists $creates)) { return 'creates' }
    $removes = pl_arg $a 'removes'
    if ($null -ne $removes -and -not (pw_exists $removes)) { return 'removes' }
    return ''
}

# What undoes the step is saved before it starts, and what its guards name: a path that it makes or removes.
function pw_command_points($a) {
    $points = [Collections.Generic.List[object]]::new()
    foreach ($point in (pw_start)) { $points.Add($point) }
    foreach ($name in 'creates', 'removes') {
        $path = pl_arg $a $name
        if ($null -eq $path -or $path.IndexOfAny([char[]]'*?') -ge 0) { continue }
        $points.Add((pw_start_cover $path))
    }
    return , $points.ToArray()
}

# Takes the words apart, and runs it.
function pw_command_start($a, $options) {
    $name = pl_arg $a 'script'
    if ($null -ne $name) { return pw_command_script $a $name $options }
    $line = pl_arg $a 'line'
    if ($null -ne $line) { return pw_command_line $line $options }
    $argv = pl_list $a 'argv'
    $argv[0] = pw_command_shell $argv[0]
    return pw_command_run $argv $options
}

function pw_command_line([string]$line, $options) {
    $parts = pl_split_line $line
    $options['line'] = $parts[1]
    return pw_command_run ([string[]]@((pw_command_shell $parts[0]))) $options
}

# A script is a file of the private folder while it runs. Its name is one name, without a folder.
function pw_command_script($a, [string]$name, $options) {
    if ($name.IndexOfAny([char[]]'\/:*?"<>|') -ge 0 -or (pw_path_reserved $name)) { throw ("``{0}`` cannot be the name of a script" -f $name) }
    $folder = [IO.Path]::Combine($pl.dir, 'script' + $pl.id)
    [void][IO.Directory]::CreateDirectory($folder)
    try {
        $path = [IO.Path]::Combine($folder, $name)
        $stream = pl_payload_stream
        try {
            $file = [IO.FileStream]::new($path, [IO.FileMode]::CreateNew)
            try { $stream.CopyTo($file) } finally { $file.Dispose() }
        }
        finally { $stream.Dispose() }
        $line = '@powershell -NoProfile -NonInteractive -OutputFormat Text -ExecutionPolicy Bypass -File '
        if (-not $name.EndsWith('.ps1', [StringComparison]::OrdinalIgnoreCase)) { $line = '' }
        $executable = pl_arg $a 'executable'
        if ($null -ne $executable) { $line = $executable + ' ' }
        return pw_command_line ($line + '"' + $path + '" ' + (pl_arg $a 'arguments')) $options
    }
    finally { [IO.Directory]::Delete($folder, $true) }
}

# The host's own shells by their whole paths: `PATH` may lead elsewhere.
function pw_command_shell([string]$word) {
    if ($word -ceq '@cmd') { return [IO.Path]::Combine([Environment]::SystemDirectory, 'cmd.exe') }
    if ($word -cne '@powershell') { return $word }
    if (-not (pw_sys_windows)) { return [Diagnostics.Process]::GetCurrentProcess().MainModule.FileName }
    return [IO.Path]::Combine([Environment]::SystemDirectory, 'WindowsPowerShell\v1.0\powershell.exe')
}

# Runs it. 0 when it ended with 0, else 1: what it ended with is in the session's own frame.
function pw_command_run([string[]]$argv, $options) {
    $set = $script:pw_environment
    if ($set.id -ceq $pl.id -and $set.names.Length -gt 0) {
        $options['env'] = @{}
        for ($at = 0; $at -lt $set.names.Length; $at++) { $options['env'][$set.names[$at]] = $set.values[$at] }
    }
    if ($script:pw_quiet) { $options['keep'] = $true }
    try { $code = pl_run $argv $options }
    catch {
        $cause = $_.Exception
        while ($null -ne $cause -and $cause -isnot [ComponentModel.Win32Exception]) { $cause = $cause.InnerException }
        if ($null -eq $cause) { throw }
        [void](pl_v 'missing' $cause.NativeErrorCode.ToString())
        return 1
    }
    if ($code -eq 0) { return 0 }
    return 1
}
