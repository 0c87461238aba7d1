# Packages: MSI files through msiexec.exe, everything else as the program that it is. A package is there when its
# product is registered, or what it `creates` exists. Exit codes: learn.microsoft.com/windows/win32/msi/error-codes.

$script:pw_product_keys = @(
    'HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall',
    'HKEY_LOCAL_MACHINE\SOFTWARE\WOW6432Node\Microsoft\Windows\CurrentVersion\Uninstall',
    'HKEY_CURRENT_USER\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall')

# ID: what is registered of a product: a dictionary of texts, or $null.
function pw_sys_product($id) {
    foreach ($path in $script:pw_product_keys) {
        $key = "$path\$id"
        if ($null -eq [Microsoft.Win32.Registry]::GetValue($key, 'DisplayName', $null) -and
            $null -eq [Microsoft.Win32.Registry]::GetValue($key, 'UninstallString', $null)) { continue }
        $product = [ordered]@{}
        foreach ($name in @('DisplayName', 'DisplayVersion', 'UninstallString', 'QuietUninstallString')) {
            $product[$name] = [string][Microsoft.Win32.Registry]::GetValue($key, $name, '')
        }
        return $product
    }
    return $null
}

# PATH: the product code of an MSI file, from its table of properties.
function pw_sys_msi_code($path) {
    $method = [Reflection.BindingFlags]::InvokeMethod
    $installer = pw_sys_com 'WindowsInstaller.Installer'
    $type = $installer.GetType()
    $query = 'SELECT `Value` FROM `Property` WHERE `Property` = ''ProductCode'''
    $database = $null
    $view = $null
    $record = $null
    try {
        $database = $type.InvokeMember('OpenDatabase', $method, $null, $installer, @($path, 0))
        $view = $type.InvokeMember('OpenView', $method, $null, $database, @($query))
        [void]$type.InvokeMember('Execute', $method, $null, $view, $null)
        $record = $type.InvokeMember('Fetch', $method, $null, $view, $null)
        if ($null -eq $record) { throw "there is no product code in ``$path``" }
        return [string]$type.InvokeMember('StringData', [Reflection.BindingFlags]::GetProperty, $null, $record, @(1))
    } finally {
        if ($null -ne $view) { [void]$type.InvokeMember('Close', $method, $null, $view, $null) }
# The file stays open, and closed to msiexec.exe and to later steps, as long as one of these objects lives.
        foreach ($object in @($record, $view, $database, $installer)) {
            if ($null -ne $object) { [void][Runtime.InteropServices.Marshal]::FinalReleaseComObject($object) }
        }
    }
}

function pw_is_product_code($id) {
    return $id -match '^\{[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}\}$'
}

function pw_is_msi($a) {
    $provider = pl_arg $a 'provider'
    if ($null -ne $provider -and $provider -cne 'auto') { return $provider -ceq 'msi' }
    $path = pl_arg $a 'path'
    if ($null -ne $path) { return $path.EndsWith('.msi', [StringComparison]::OrdinalIgnoreCase) }
    return pw_is_product_code (pl_arg $a 'product_id')
}

# ARGUMENTS ID: whether the package is there.
function pw_package_there($a, $id) {
    $service = pl_arg $a 'creates_service'
    if ($null -ne $service) { return $null -ne (pw_sys_service $service) }
    $path = pl_arg $a 'creates_path'
    if ($null -ne $path) {
        if (-not [IO.File]::Exists($path) -and -not [IO.Directory]::Exists($path)) { return $false }
        $version = pl_arg $a 'creates_version'
        if ($null -eq $version) { return $true }
        return [Diagnostics.FileVersionInfo]::GetVersionInfo($path).FileVersion -ceq $version
    }
    return $id -cne '' -and $null -ne (pw_sys_product $id)
}

# path product_id want arguments line codes wait log creates_* chdir provider check
function pw_package($a) {
    $script:pw_call = $a
    $msi = pw_is_msi $a
    $path = pl_arg $a 'path'
    $id = [string](pl_arg $a 'product_id')
    $present = (pl_arg $a 'want') -ceq 'present'
    if ($null -ne $path -and -not [IO.File]::Exists($path)) {
        if (-not (pl_flag $a 'check') -and ($present -or $id -ceq '')) { return pl_fail "there is no file ``$path``" }
    } elseif ($msi -and $id -ceq '') {
        $id = pw_sys_msi_code $path
    }
    $there = pw_package_there $a $id
    if ($there -eq $present) { return 0 }
    [void](pl_v 'changed' '1')
    if (pl_flag $a 'check') { return 0 }
    if ($present -and $msi -and (pw_is_product_code $id)) {
        $key = [ordered]@{}
        $key['product_id'] = $id
        [void](pw_point_save 'package' $key $null @('*'))
    }
    return pw_package_run $a $msi $present $path $id
}

# Runs the installer, and judges what it answers.
function pw_package_run($a, $msi, $present, $path, $id) {
    $log = pl_arg $a 'log'
    if ($null -eq $log) { $log = [IO.Path]::Combine($pl.dir, 'package.log') }
    $command = pw_package_command $a $msi $present $path $id $log
    $limit = [DateTime]::UtcNow.AddSeconds([int](pl_arg $a 'wait'))
    $options = @{ keep = $true; line = $command.line }
    $folder = pl_arg $a 'chdir'
    if ($null -ne $folder) { $options['cwd'] = $folder }
    do {
        $code = pl_run ([string[]]@($command.file)) $options
# 1618: another installation is at work, so it is tried again.
        $busy = $code -eq 1618 -and -not (pl_timed_out) -and [DateTime]::UtcNow -lt $limit
        if ($busy) { [Threading.Thread]::Sleep(5000) }
    } while ($busy)
    [void](pl_v 'rc' ([string]$code))
    [void](pl_v 'stdout' (pl_kept_out))
    [void](pl_v 'stderr' (pl_kept_err))
    if (pl_timed_out) { return pl_fail 'the installer did not end within its time limit (`timeout`) and was stopped' }
    if ($code -eq 3010 -or $code -eq 1641) { [void](pl_v 'reboot' '1') }
    if ((pl_list $a 'codes') -ccontains [string]$code) { return 0 }
    $lines = pw_package_log $log
    if ($lines.Length -gt 0) { [void](pl_v 'log' ([string]::Join("`n", $lines))) }
    return pl_fail ('unexpected rc {0} from `{1}`{2}' -f $code, $command.file, (pw_package_code $code))
}

# What to run: a file, and its arguments as one line. Arguments that the task wrote as one text are taken as they are.
function pw_package_command($a, $msi, $present, $path, $id, $log) {
    $more = [string](pl_arg $a 'line')
    $list = pl_list $a 'arguments'
    if ($list.Length -gt 0) { $more = pl_quote_argv $list }
    if ($msi) {
        $what = $path
        $verb = '/i'
        if (-not $present) {
            $verb = '/x'
            if ($id -cne '') { $what = $id }
        }
        $line = pl_quote_argv ([string[]]@($verb, $what, '/qn', '/norestart', '/l*v', $log))
        $file = [IO.Path]::Combine([Environment]::SystemDirectory, 'msiexec.exe')
        return @{ file = $file; line = ($line + ' ' + $more).TrimEnd() }
    }
    if ($null -ne $path) { return @{ file = $path; line = $more } }
    $product = pw_sys_product $id
    $text = $product['QuietUninstallString']
    if ($text -ceq '') { $text = $product['UninstallString'] }
    $parts = pl_split_line $text
    return @{ file = $parts[0]; line = ($parts[1] + ' ' + $more).Trim() }
}

# CODE: what Windows Installer means by it, and what to do.
function pw_package_code($code) {
    switch ($code) {
        1603 { return " (fatal error)`nhint: see ``log``, the last errors of the installer" }
        1618 { return " (another installation is at work)`nhint: try again later, or give it more ``wait_for_other``" }
        1619 { return ' (the package could not be opened)' }
        1620 { return ' (the package is not valid)' }
        1625 { return ' (a policy of the host forbids this installation)' }
        1638 { return ' (another version of this product is installed)' }
        1639 { return ' (wrong arguments)' }
        1605 { return ' (this product is not installed)' }
    }
    return ''
}

# PATH: the last lines of a log of Windows Installer that say what went wrong.
function pw_package_log($path) {
    $found = [Collections.Generic.List[string]]::new()
    if (-not [IO.File]::Exists($path)) { return , $found.ToArray() }
    $share = [IO.FileShare]'ReadWrite, Delete'
    $stream = [IO.FileStream]::new($path, [IO.FileMode]::Open, [IO.FileAccess]::Read, $share)
    try {
        $reader = [IO.StreamReader]::new($stream, [Text.Encoding]::Unicode, $true)
        while ($null -ne ($line = $reader.ReadLine())) {
            if ($line -notmatch 'error [0-9]+|return value 3|-- error|fatal error') { continue }
            if ($line.Length -gt 400) { $line = $line.Substring(0, 400) }
            $found.Add($line)
            if ($found.Count -gt 10) { $found.RemoveAt(0) }
        }
    } finally {
        $stream.Dispose()
    }
    return , $found.ToArray()
}

# For a rollback: a product that is registered.
function pw_read_package($key) {
    $product = pw_sys_product $key['product_id']
    if ($null -eq $product) { return $null }
    $state = [ordered]@{}
    $state['.name'] = [string[]]@($product['DisplayName'])
    $state['.version'] = [string[]]@($product['DisplayVersion'])
    return $state
}

# For a rollback: an MSI that the run installed is uninstalled.
function pw_write_package($key, $state, $before) {
    if ($null -ne $state) { throw 'a package that was removed does not come back' }
    $file = [IO.Path]::Combine([Environment]::SystemDirectory, 'msiexec.exe')
    $ended = pw_sys_program $file @('/x', $key['product_id'], '/qn', '/norestart') 1800
    if (@(0, 1605, 1641, 3010) -notcontains $ended.code) {
        throw ('msiexec.exe failed with {0}{1}' -f $ended.code, (pw_package_code $ended.code))
    }
}
