# Modules of PowerShell, through the cmdlets of PowerShellGet: galleries, signatures, licences and the folders of modules
# are its own affair, and it has no .NET interface (learn.microsoft.com/powershell/module/powershellget). The thing is
# the host: modules bring others along (versions.ps1). Versions stand side by side.

# All modules that PowerShell finds, `NAME|VERSION`.
function pw_sys_psmodules {
    $rows = [Collections.Generic.List[string]]::new()
    foreach ($module in (Get-Module -ListAvailable)) {
        $version = [string]$module.Version
        $data = $module.PrivateData
        if ($data -is [Collections.IDictionary] -and $data.Contains('PSData')) {
            $more = $data['PSData']
            if ($more -is [Collections.IDictionary] -and $more.Contains('Prerelease')) {
                $label = ([string]$more['Prerelease']).TrimStart('-')
                if ($label -cne '') { $version = "$version-$label" }
            }
        }
        $row = [string]$module.Name + '|' + $version
        if (-not $rows.Contains($row)) { $rows.Add($row) }
    }
    return , $rows.ToArray()
}

# COMMAND OPTIONS: fails where the installed PowerShellGet has none of the parameters, before it asks somebody.
function pw_sys_psmodule_can($name, $options) {
    $command = $ExecutionContext.InvokeCommand.GetCommand($name, 'All')
    if ($null -eq $command) {
        throw "this host has no ``$name```nhint: install PowerShellGet 1.6.0 or newer"
    }
    foreach ($option in $options.Keys) {
        if (-not $command.Parameters.ContainsKey($option)) {
            throw "``$name`` of this host has no parameter ``$option```nhint: install PowerShellGet 1.6.0 or newer"
        }
    }
}

# Galleries are read by the provider NuGet, which is not there on a new host; fetching it unasked would be a change of its own.
function pw_sys_psmodule_ready {
    $tls = [Net.SecurityProtocolType]::Tls12
    [Net.ServicePointManager]::SecurityProtocol = [Net.ServicePointManager]::SecurityProtocol -bor $tls
    foreach ($provider in (Get-PackageProvider -ListAvailable -ErrorAction 'SilentlyContinue')) {
        if ($provider.Name -eq 'NuGet' -and [Version]$provider.Version -ge [Version]'2.8.5.201') { return }
    }
    throw 'this host has no package provider `NuGet` of 2.8.5.201 or newer' +
        "`nhint: install it first, with ``win_powershell: Install-PackageProvider NuGet -MinimumVersion 2.8.5.201 -Force``"
}

# NAME: fails unless the host knows this repository.
function pw_sys_psmodule_repository($name) {
    foreach ($repository in (Get-PSRepository -ErrorAction 'SilentlyContinue')) {
        if ($repository.Name -eq $name) { return }
    }
    throw "this host knows no repository ``$name```nhint: ``Register-PSRepository`` makes it known"
}

function pw_sys_psmodule_install($options) {
    pw_sys_psmodule_can 'Install-Module' $options
    [void](Install-Module @options)
}

# OPTIONS: the newest version of a module in the repositories.
function pw_sys_psmodule_newest($options) {
    pw_sys_psmodule_can 'Find-Module' $options
    $found = @(Find-Module @options)
    if ($found.Length -gt 1) {
        throw "several repositories have the module ``$($options['Name'])```nhint: name one with ``repository``"
    }
    if ($found.Length -eq 0) { throw "no repository has the module ``$($options['Name'])``" }
    return [string]$found[0].Version
}

function pw_sys_psmodule_uninstall($options) {
    pw_sys_psmodule_can 'Uninstall-Module' $options
    [void](Uninstall-Module @options)
}

# USER TEXT: a login, as cmdlets take it.
function pw_credential($user, $text) {
    $secure = [Security.SecureString]::new()
    foreach ($char in $text.ToCharArray()) { $secure.AppendChar($char) }
    $secure.MakeReadOnly()
    return [Management.Automation.PSCredential]::new($user, $secure)
}

function pw_installed_psmodule {
    $rows = [Collections.Generic.List[string]]::new([string[]](pw_sys_psmodules))
    $rows.Sort([StringComparer]::OrdinalIgnoreCase)
    return , $rows.ToArray()
}

# TEXT: the numbers of a version, four of them.
function pw_psmodule_numbers($text) {
    $parts = [Collections.Generic.List[string]]::new([string[]]$text.Split('-')[0].Split('.'))
    while ($parts.Count -lt 4) { $parts.Add('0') }
    $version = $null
    if (-not [Version]::TryParse([string]::Join('.', $parts), [ref]$version)) { throw "``$text`` is no version of a module" }
    return $version
}

# ONE OTHER: less than 0, 0, or more: a version with a label comes in front of the same one without.
function pw_psmodule_order($one, $other) {
    $order = (pw_psmodule_numbers $one).CompareTo((pw_psmodule_numbers $other))
    if ($order -ne 0) { return $order }
    $left = $one.Contains('-')
    $right = $other.Contains('-')
    if ($left -and $right) {
        return [string]::CompareOrdinal($one.Substring($one.IndexOf('-')), $other.Substring($other.IndexOf('-')))
    }
    return [int]$right - [int]$left
}

# ARGUMENTS VERSIONS: the versions that the task is about.
function pw_psmodule_meant($a, $versions) {
    $required = pl_arg $a 'required'
    $minimum = pl_arg $a 'minimum'
    $maximum = pl_arg $a 'maximum'
    $meant = [Collections.Generic.List[string]]::new()
    foreach ($version in $versions) {
        if ($null -ne $required -and (pw_psmodule_order $version $required) -ne 0) { continue }
        if ($null -ne $minimum -and (pw_psmodule_order $version $minimum) -lt 0) { continue }
        if ($null -ne $maximum -and (pw_psmodule_order $version $maximum) -gt 0) { continue }
        $meant.Add($version)
    }
    return , $meant.ToArray()
}

# ARGUMENTS VERSION: what the cmdlets are told: where the module comes from, and which version.
function pw_psmodule_where($a, $version) {
    $options = @{ Name = (pl_arg $a 'name') }
    $repository = pl_arg $a 'repository'
    if ($null -ne $repository) { $options['Repository'] = $repository }
    $user = pl_arg $a 'username'
    if ($null -ne $user) { $options['Credential'] = pw_credential $user (pl_arg $a 'secret.password') }
    if (pl_flag $a 'prerelease') { $options['AllowPrerelease'] = $true }
    if ($null -ne $version) {
        $options['RequiredVersion'] = $version
        return $options
    }
    foreach ($pair in @(@('minimum', 'MinimumVersion'), @('maximum', 'MaximumVersion'))) {
        $value = pl_arg $a $pair[0]
        if ($null -ne $value) { $options[$pair[1]] = $value }
    }
    return $options
}

# ARGUMENTS VERSION: installs it for all users. Without `Force` the cmdlet would ask somebody about an untrusted repository.
function pw_psmodule_install($a, $version) {
    $options = pw_psmodule_where $a $version
    $options['Force'] = $true
    $options['Confirm'] = $false
    $options['Scope'] = 'AllUsers'
    $flags = @{ clobber = 'AllowClobber'; skip_publisher = 'SkipPublisherCheck'; accept_license = 'AcceptLicense' }
    foreach ($name in $flags.Keys) {
        if (pl_flag $a $name) { $options[$flags[$name]] = $true }
    }
    pw_sys_psmodule_install $options
}

# ARGUMENTS VERSIONS: what has to be done: `install` and a version or nothing, `uninstall` and versions, or nothing.
function pw_psmodule_plan($a, $versions) {
    $meant = pw_psmodule_meant $a $versions
    switch -CaseSensitive (pl_arg $a 'want') {
        'absent' {
            if ($meant.Length -eq 0) { return $null }
            return @{ verb = 'uninstall'; versions = $meant }
        }
        'latest' {
            pw_sys_psmodule_ready
            $newest = pw_sys_psmodule_newest (pw_psmodule_where $a $null)
            foreach ($version in $versions) {
                if ((pw_psmodule_order $version $newest) -ge 0) { return $null }
            }
            return @{ verb = 'install'; versions = [string[]]@($newest) }
        }
    }
    if ($meant.Length -gt 0) { return $null }
    $required = pl_arg $a 'required'
    if ($null -ne $required) { return @{ verb = 'install'; versions = [string[]]@($required) } }
    return @{ verb = 'install'; versions = [string[]]@() }
}

# name want required minimum maximum repository username secret.password flags check: see the module. Reports `changed`,
# `was` and `now`, the versions of the module.
function pw_psmodule($a) {
    $script:pw_call = $a
    $name = pl_arg $a 'name'
    $repository = pl_arg $a 'repository'
    $check = pl_flag $a 'check'
    $installed = pw_installed_psmodule
    $versions = pw_versions_of (pw_versions $installed) $name.ToLowerInvariant()
    pl_state 'was' $versions
    if ($null -ne $repository) { pw_sys_psmodule_repository $repository }
    $plan = pw_psmodule_plan $a $versions
    if ($null -eq $plan) {
        pl_state 'now' $versions
        return 0
    }
    [void](pl_v 'changed' '1')
    if ($check) { return 0 }
    if ($plan.verb -ceq 'install') { pw_sys_psmodule_ready }
    $key = [ordered]@{ host = 'modules' }
    $state = [ordered]@{ installed = $installed }
    if ($null -ne $repository) { $state['repository'] = [string[]]@($repository) }
    $number = pw_versions_point 'psmodule' $key $state
    try {
        if ($plan.verb -ceq 'uninstall') {
            foreach ($version in $plan.versions) { pw_psmodule_remove $name $version }
        } elseif ($plan.versions.Length -gt 0) {
            pw_psmodule_install $a $plan.versions[0]
        } else {
            pw_psmodule_install $a $null
        }
    } finally {
        $after = [ordered]@{ installed = (pw_installed_psmodule) }
        pw_point_after $number $after
    }
    $now = pw_versions_of (pw_versions $after['installed']) $name.ToLowerInvariant()
    pl_state 'now' $now
    $there = pw_psmodule_meant $a $now
    if ($plan.verb -ceq 'uninstall' -and $there.Length -gt 0) { return pl_fail "the module ``$name`` is still there after it was removed" }
    if ($plan.verb -ceq 'install' -and $there.Length -eq 0) {
        return pl_fail "the module ``$name`` is not there after it was installed"
    }
    return 0
}

# NAME VERSION: removes one version. What Windows brought itself is none of PowerShellGet's.
function pw_psmodule_remove($name, $version) {
    $options = @{ Name = $name; RequiredVersion = $version; Force = $true; Confirm = $false }
    if ($version.Contains('-')) { $options['AllowPrerelease'] = $true }
    pw_sys_psmodule_uninstall $options
}

# For a rollback. The login for the repository was not kept.
function pw_bring_psmodule($read, $name, $came, $gone) {
    foreach ($version in $came) { pw_psmodule_remove $name $version }
    foreach ($version in $gone) {
        pw_sys_psmodule_ready
        $options = @{ Name = $name; RequiredVersion = $version; Force = $true; Confirm = $false; Scope = 'AllUsers' }
        if ($version.Contains('-')) { $options['AllowPrerelease'] = $true }
        if ($read.attr.Contains('repository')) { $options['Repository'] = $read.attr['repository'][0] }
        pw_sys_psmodule_install $options
    }
}
