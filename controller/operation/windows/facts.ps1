# Raw facts of the host; the controller makes Ansible's names of them. Each is a value `fact.NAME`, one part after the
# other, so that what cannot be read (no right, no such class) leaves out its own part only.

# facts [subsets]: `platform`, `hardware`, `network`, `env` and so on; none means all.
function pw_facts($a) {
    $wanted = pl_list $a 'subsets'
    foreach ($part in 'platform', 'user', 'env', 'time', 'hardware', 'network', 'domain', 'reboot') {
        if ($wanted.Length -gt 0 -and $wanted -cnotcontains $part) { continue }
        try { & ('pw_facts_' + $part) }
        catch { [void](pl_v 'missing' ($part + ' ' + (pw_reason $_))) }
    }
    return 0
}

function pw_fact([string]$name, $value) { [void](pl_v ('fact.' + $name) ([string]$value)) }

# A value of HKLM; empty if there is none.
function pw_facts_registry([string]$path, [string]$name) {
    if (-not (pw_sys_windows)) { return '' }
    $key = [Microsoft.Win32.Registry]::LocalMachine.OpenSubKey($path)
    if ($null -eq $key) { return '' }
    try { return [string]$key.GetValue($name, '') } finally { $key.Dispose() }
}

# Windows 10 and later answer with their real version here, whatever the program's manifest says, in 5.1 too.
function pw_facts_platform {
    $current = 'SOFTWARE\Microsoft\Windows NT\CurrentVersion'
    pw_fact 'version' ([Environment]::OSVersion.Version.ToString())
    pw_fact 'product' (pw_facts_registry $current 'ProductName')
    pw_fact 'edition' (pw_facts_registry $current 'EditionID')
    pw_fact 'installation' (pw_facts_registry $current 'InstallationType')
    pw_fact 'build' (pw_facts_registry $current 'CurrentBuild')
    pw_fact 'revision' (pw_facts_registry $current 'UBR')
    foreach ($one in (pw_sys_wmi 'Win32_OperatingSystem')) {
        pw_fact 'caption' $one.GetPropertyValue('Caption')
        pw_fact 'product_type' $one.GetPropertyValue('ProductType')
    }
    foreach ($one in (pw_sys_wmi 'Win32_UserAccount WHERE LocalAccount = TRUE')) {
        $sid = [string]$one.GetPropertyValue('SID')
        pw_fact 'machine_sid' $sid.Substring(0, $sid.LastIndexOf('-'))
        break
    }
    pw_fact 'machine_guid' (pw_facts_registry 'SOFTWARE\Microsoft\Cryptography' 'MachineGuid')
    pw_fact 'architecture' ([Environment]::GetEnvironmentVariable('PROCESSOR_ARCHITECTURE'))
    pw_fact 'bits64' ([Environment]::Is64BitOperatingSystem)
    pw_fact 'powershell' $PSVersionTable.PSVersion
    pw_fact 'dotnet' ([Environment]::Version.ToString())
    pw_fact 'hostname' ([Net.Dns]::GetHostName())
    pw_fact 'machine' ([Environment]::MachineName)
    pw_fact 'dns_domain' ([Net.NetworkInformation.IPGlobalProperties]::GetIPGlobalProperties().DomainName)
    pw_fact 'system_root' ([Environment]::GetFolderPath('Windows'))
}

function pw_facts_user {
    pw_fact 'user' ([Environment]::UserName)
    pw_fact 'user_domain' ([Environment]::UserDomainName)
    pw_fact 'user_dir' ([Environment]::GetFolderPath('UserProfile'))
    if (-not (pw_sys_windows)) { return }
    $me = [Security.Principal.WindowsIdentity]::GetCurrent()
    pw_fact 'user_sid' $me.User.Value
    $role = [Security.Principal.WindowsBuiltInRole]::Administrator
    pw_fact 'elevated' ([Security.Principal.WindowsPrincipal]::new($me).IsInRole($role))
    pw_fact 'groups' (pw_pack @(foreach ($group in $me.Groups) { $group.Value }))
}

function pw_facts_env {
    $all = [Environment]::GetEnvironmentVariables()
    foreach ($name in $all.Keys) { [void](pl_v 'env' (pw_pack @($name, $all[$name]))) }
}

function pw_facts_time {
    $now = [DateTimeOffset]::Now
    pw_fact 'now' $now.UtcTicks
    pw_fact 'offset' ([int]$now.Offset.TotalMinutes)
    pw_fact 'zone' ([TimeZoneInfo]::Local.Id)
}

# Classes: learn.microsoft.com/windows/win32/cimwin32prov (Win32_OperatingSystem, _ComputerSystem, _Processor, _BIOS,
# _LogicalDisk). .NET has no other way to ask for memory and processors that 5.1 and 7 share.
function pw_facts_hardware {
    foreach ($one in (pw_sys_wmi 'Win32_OperatingSystem')) {
        pw_fact 'memory_kb' $one.GetPropertyValue('TotalVisibleMemorySize')
        pw_fact 'memory_free_kb' $one.GetPropertyValue('FreePhysicalMemory')
        pw_fact 'swap_kb' $one.GetPropertyValue('SizeStoredInPagingFiles')
        pw_fact 'install_date' $one.GetPropertyValue('InstallDate')
        pw_fact 'boot_time' $one.GetPropertyValue('LastBootUpTime')
    }
    foreach ($one in (pw_sys_wmi 'Win32_ComputerSystem')) {
        pw_fact 'processors' $one.GetPropertyValue('NumberOfProcessors')
        pw_fact 'logical' $one.GetPropertyValue('NumberOfLogicalProcessors')
        pw_fact 'vendor' $one.GetPropertyValue('Manufacturer')
        pw_fact 'model' $one.GetPropertyValue('Model')
        pw_fact 'owner_name' $one.GetPropertyValue('PrimaryOwnerName')
    }
    foreach ($one in (pw_sys_wmi 'Win32_Processor')) { [void](pl_v 'processor' (pw_pack @($one.GetPropertyValue('Manufacturer'), $one.GetPropertyValue('Name'), $one.GetPropertyValue('NumberOfCores'), $one.GetPropertyValue('NumberOfLogicalProcessors')))) }
    foreach ($one in (pw_sys_wmi 'Win32_BIOS')) {
        pw_fact 'bios_version' $one.GetPropertyValue('SMBIOSBIOSVersion')
        pw_fact 'bios_date' $one.GetPropertyValue('ReleaseDate')
        pw_fact 'serial' $one.GetPropertyValue('SerialNumber')
    }
    foreach ($drive in [IO.DriveInfo]::GetDrives()) {
        if ($drive.IsReady -and $drive.DriveType -eq [IO.DriveType]::Fixed) { [void](pl_v 'drive' (pw_pack @($drive.Name, $drive.DriveFormat, $drive.TotalSize, $drive.AvailableFreeSpace))) }
    }
}

function pw_facts_domain {
    foreach ($one in (pw_sys_wmi 'Win32_ComputerSystem')) {
        pw_fact 'domain' $one.GetPropertyValue('Domain')
        pw_fact 'domain_member' $one.GetPropertyValue('PartOfDomain')
        pw_fact 'workgroup' $one.GetPropertyValue('Workgroup')
        pw_fact 'domain_role' $one.GetPropertyValue('DomainRole')
    }
}

# Adapters that are up, without the loopback: index, name, id, description, hardware address, then addresses with their
# prefix lengths and `gateway/`, `dns/` in front of the others.
function pw_facts_network {
    foreach ($adapter in [Net.NetworkInformation.NetworkInterface]::GetAllNetworkInterfaces()) {
        if ($adapter.OperationalStatus -ne [Net.NetworkInformation.OperationalStatus]::Up) { continue }
        if ($adapter.NetworkInterfaceType -eq [Net.NetworkInformation.NetworkInterfaceType]::Loopback) { continue }
        $set = $adapter.GetIPProperties()
        $words = [Collections.Generic.List[string]]::new()
        foreach ($word in $adapter.Id, $adapter.Name, $adapter.Description, $adapter.GetPhysicalAddress().ToString(), $set.DnsSuffix) { $words.Add([string]$word) }
        foreach ($address in $set.UnicastAddresses) { $words.Add($address.Address.ToString() + '/' + $address.PrefixLength) }
        foreach ($gateway in $set.GatewayAddresses) { $words.Add('gateway/' + $gateway.Address.ToString()) }
        foreach ($server in $set.DnsAddresses) { $words.Add('dns/' + $server.ToString()) }
        [void](pl_v 'interface' (pw_pack $words.ToArray()))
    }
}

# Keys that say so: learn.microsoft.com/windows/deployment/update (servicing, update agent, renames of files).
function pw_facts_reboot {
    $pending = $false
    if (pw_sys_windows) {
        $machine = [Microsoft.Win32.Registry]::LocalMachine
        foreach ($path in 'SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootPending', 'SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update\RebootRequired') {
            $key = $machine.OpenSubKey($path)
            if ($null -ne $key) { $pending = $true; $key.Dispose() }
        }
        $renames = $machine.OpenSubKey('SYSTEM\CurrentControlSet\Control\Session Manager')
        if ($null -ne $renames) {
            try { if (@($renames.GetValue('PendingFileRenameOperations', [string[]]@())).Length -gt 0) { $pending = $true } } finally { $renames.Dispose() }
        }
        $active = pw_facts_registry 'SYSTEM\CurrentControlSet\Control\ComputerName\ActiveComputerName' 'ComputerName'
        if ($active -ne (pw_facts_registry 'SYSTEM\CurrentControlSet\Control\ComputerName\ComputerName' 'ComputerName')) { $pending = $true }
    }
    pw_fact 'reboot_pending' $pending
}

# ping: shows that steps run.
function pw_ping($a) {
    [void](pl_v 'ping' 'pong')
    return 0
}

# whoami: who the session runs as: groups, rights of the logon and so on are told by `whoami.exe`.
function pw_whoami($a) {
    pw_facts_user
    if (-not (pw_sys_windows)) { return 0 }
    $me = [Security.Principal.WindowsIdentity]::GetCurrent()
    pw_fact 'authentication' $me.AuthenticationType
    pw_fact 'impersonation' $me.ImpersonationLevel
    foreach ($group in $me.Groups) { [void](pl_v 'group' (pw_pack @($group.Value, (pw_sys_account $group.Value)))) }
    foreach ($claim in $me.Claims) {
        if ($claim.ValueType -eq 'http://www.w3.org/2001/XMLSchema#string' -and $claim.Value -match '^S-1-16-(\d+)$') { pw_fact 'label' $claim.Value }
    }
    return 0
}

# CLASS, perhaps with WHERE: all objects of a WMI class. 5.1 has System.Management, 7 brings it along on Windows.
function pw_sys_wmi([string]$class) {
    if (-not (pw_sys_windows)) { return , @() }
    pw_sys_assembly 'System.Management'
    $searcher = [System.Management.ManagementObjectSearcher]::new('SELECT * FROM ' + $class)
    try {
        $found = [Collections.Generic.List[object]]::new()
        foreach ($one in $searcher.Get()) { $found.Add($one) }
        return , $found.ToArray()
    }
    finally { $searcher.Dispose() }
}
