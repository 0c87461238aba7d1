# What preflight looks at. Nothing is changed, and no answer is waited for longer than a few seconds.

# preflight_machine folder [names]: the machine, the drive where FOLDER is going to be, and what it knows about NAMEs.
# What cannot be read (no right, no such class) leaves out its own part only.
function pw_preflight_machine($a) {
    $epoch = [DateTime]::new(1970, 1, 1, 0, 0, 0, [DateTimeKind]::Utc)
    [void](pl_v 'now' ([long]([DateTime]::UtcNow - $epoch).TotalSeconds).ToString())
    [void](pl_v 'processors' ([Environment]::ProcessorCount).ToString())
    [void](pl_v 'powershell' $PSVersionTable.PSVersion.ToString())
    foreach ($part in 'system', 'memory', 'restart', 'disk', 'ports', 'addresses', 'leftovers', 'environment', 'jobs',
        'proxy', 'settings', 'sites', 'names') {
        try { [void](& ('pw_preflight_' + $part) $a) }
        catch { [void](pl_v 'missing' ($part + ' ' + (pw_reason $_))) }
    }
    return 0
}

# Windows 10 and later answer with their real version here, in 5.1 too.
function pw_preflight_system($a) {
    if (-not (pw_sys_windows)) { return }
    [void](pl_v 'windows' ([Environment]::OSVersion.Version.ToString()))
    $me = [Security.Principal.WindowsPrincipal]::new([Security.Principal.WindowsIdentity]::GetCurrent())
    $elevated = '0'
    if ($me.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)) { $elevated = '1' }
    [void](pl_v 'elevated' $elevated)
}

# Win32_OperatingSystem.TotalVisibleMemorySize is in KiB.
function pw_preflight_memory($a) {
    foreach ($one in (pw_sys_wmi 'Win32_OperatingSystem')) { [void](pl_v 'memory' ([string]$one['TotalVisibleMemorySize'])) }
}

function pw_preflight_restart($a) { pw_facts_reboot }

function pw_preflight_disk($a) {
    $root = [IO.Path]::GetPathRoot((pl_arg $a 'folder'))
    $drive = [IO.DriveInfo]::new($root)
    [void](pl_v 'drive' ('{0} {1}' -f $drive.TotalSize, $drive.AvailableFreeSpace))
}

function pw_preflight_ports($a) {
    $ports = [Collections.Generic.SortedSet[int]]::new()
    $properties = [Net.NetworkInformation.IPGlobalProperties]::GetIPGlobalProperties()
    foreach ($listener in $properties.GetActiveTcpListeners()) { [void]$ports.Add($listener.Port) }
    [void](pl_v 'ports' ([string]::Join(' ', $ports)))
}

# Addresses of IPv6 have the number of their adapter behind a percent sign.
function pw_preflight_addresses($a) {
    foreach ($adapter in [Net.NetworkInformation.NetworkInterface]::GetAllNetworkInterfaces()) {
        foreach ($address in $adapter.GetIPProperties().UnicastAddresses) {
            [void](pl_v 'address' ($address.Address.ToString().Split([char]'%')[0]))
        }
    }
}

function pw_preflight_leftovers($a) {
    $folder = pl_arg $a 'folder'
    $runtime = [IO.Path]::Combine($folder, 'Runtime')
    foreach ($name in 'RuntimeOld', 'Runtime.new') {
        $path = [IO.Path]::Combine($folder, $name)
        if ([IO.Directory]::Exists($path)) { [void](pl_v 'leftover' $path) }
    }
    foreach ($place in @(@($folder, '*.new'), @($runtime, '*.new'), @($runtime, 'appsettings*.Production.json'))) {
        if (-not [IO.Directory]::Exists($place[0])) { continue }
        foreach ($path in [IO.Directory]::GetFiles($place[0], $place[1])) { [void](pl_v 'leftover' $path) }
    }
}

# Every setting can be a variable, its path joined by two underscores; variables win over files. Names only: values may be
# secrets.
function pw_preflight_environment($a) {
    $variables = [Environment]::GetEnvironmentVariables('Machine')
    foreach ($name in $variables.Keys) {
        # Another environment has settings files of its own.
        if ($name -eq 'ASPNETCORE_ENVIRONMENT' -and $variables[$name] -ne 'Production') {
            [void](pl_v 'environment' ([string]$name))
            continue
        }
        $parts = ([string]$name).Split([string[]]@('__'), [StringSplitOptions]::None)
        if ((pw_preflight_sections) -contains $parts[0]) { [void](pl_v 'environment' ([string]$name)) }
    }
}

# Names of settings, and of their sections.
function pw_preflight_sections {
    return , @('ApplicationUri', 'OpenId', 'IdentityServer', 'EncryptionCertificate', 'License', 'Cors', 'Scheduler',
        'Connections', 'Databases', 'PasswordResetSettings', 'TempFolderPath', 'WorkFolderPath', 'SourcesRootPaths',
        'Authentication', 'CyberArk', 'TaskAgentConfiguration', 'Serilog')
}

# Jobs run as children of the agent: programs of the product that are neither agent nor server. The scheduler has a lock.
function pw_preflight_jobs($a) {
    $lock = [IO.Path]::Combine((pl_arg $a 'folder'), 'Temp', 'scheduler.lock')
    if ([IO.File]::Exists($lock)) { [void](pl_v 'lock' $lock) }
    foreach ($process in [Diagnostics.Process]::GetProcesses()) {
        $name = $process.ProcessName
        if ($name -match '^(Usercube|identitymanager)-' -and $name -notmatch '-(Agent|Server)$') { [void](pl_v 'job' $name) }
    }
}

# What the agent inherits from the machine; its own `web.config` may say something else.
function pw_preflight_proxy($a) {
    foreach ($name in 'HTTPS_PROXY', 'NO_PROXY') {
        $value = [Environment]::GetEnvironmentVariable($name, 'Machine')
        if ($null -ne $value) { [void](pl_v ($name.ToLowerInvariant()) $value) }
    }
}

# The settings files of the agent: `settings NUMBER PATH`, and the bytes `settings.NUMBER` of what can be read and has no
# more than 1 MiB.
function pw_preflight_settings($a) {
    $runtime = [IO.Path]::Combine((pl_arg $a 'folder'), 'Runtime')
    $number = 0
    foreach ($name in 'appsettings.json', 'appsettings.agent.json', 'web.config') {
        $number = $number + 1
        $path = [IO.Path]::Combine($runtime, $name)
        if (-not [IO.File]::Exists($path)) { continue }
        [void](pl_v 'settings' "$number $path")
        try {
            $stream = [IO.FileStream]::new($path, [IO.FileMode]::Open, [IO.FileAccess]::Read, [IO.FileShare]'ReadWrite,Delete', 65536)
            try { $bytes = pw_read_whole $stream 1048576 $path } finally { $stream.Dispose() }
            [void](pl_b ("settings.$number") $bytes)
        } catch { [void](pl_v 'missing' ('settings ' + (pw_reason $_))) }
    }
}

# Where IIS is there, `iis` and its sites: `site NUMBER NAME`, and of each `site_path`, `site_binding` (as a list of bindings
# has them), `site_part` for what lies below its root, and `site_file`, all with the number in front.
function pw_preflight_sites($a) {
    if (-not (pw_sys_iis_there)) { return }
    $sites = (pw_sys_iis).Sites
    [void](pl_v 'iis' '1')
    $number = 0
    foreach ($site in $sites) {
        $number = $number + 1
        [void](pl_v 'site' ("$number " + $site.Name))
        foreach ($row in (pw_iis_binding_rows $site)) { [void](pl_v 'site_binding' "$number $row") }
        foreach ($row in (pw_iis_application_rows $site)) { [void](pl_v 'site_part' ("$number " + $row.Split('|')[0])) }
        $root = $site.Applications['/']
        if ($null -eq $root) { continue }
        $folder = $root.VirtualDirectories['/']
        if ($null -eq $folder) { continue }
        $path = [Environment]::ExpandEnvironmentVariables([string]$folder.PhysicalPath)
        [void](pl_v 'site_path' "$number $path")
        if ($path -match '\\inetpub\\wwwroot\\?$') { pw_preflight_default $number $path }
    }
}

# A few files in the folder of the default site that IIS did not put there.
function pw_preflight_default($number, $path) {
    if (-not [IO.Directory]::Exists($path)) { return }
    $found = 0
    foreach ($file in [IO.Directory]::EnumerateFiles($path, '*', [IO.SearchOption]::AllDirectories)) {
        if (@('iisstart.htm', 'iisstart.png') -contains [IO.Path]::GetFileName($file)) { continue }
        [void](pl_v 'site_file' "$number $file")
        $found = $found + 1
        if ($found -ge 3) { return }
    }
}

# `name NUMBER ADDRESS...`; nothing where it is not known in time whether there is such a name.
function pw_preflight_names($a) {
    $names = pl_list $a 'names'
    for ($at = 0; $at -lt $names.Length; $at++) {
        $words = [Collections.Generic.List[string]]::new()
        $words.Add(($at + 1).ToString())
        $looking = [Net.Dns]::GetHostAddressesAsync($names[$at])
        try {
            if (-not $looking.Wait(5000)) { continue }
            foreach ($address in $looking.Result) { $words.Add($address.ToString().Split([char]'%')[0]) }
        } catch {
            $cause = $_.Exception.GetBaseException()
            if ($cause -isnot [Net.Sockets.SocketException]) { continue }
            if (@('HostNotFound', 'NoData') -notcontains [string]$cause.SocketErrorCode) { continue }
        }
        [void](pl_v 'name' ([string]::Join(' ', $words)))
    }
}

# preflight_reach limit hosts ports: tries them all at once, each for LIMIT seconds: `reach NUMBER 0` for a connection that
# was made, else 1 with `why NUMBER TEXT`, or 124 where there was no answer.
function pw_preflight_reach($a) {
    $hosts = pl_list $a 'hosts'
    $ports = pl_list $a 'ports'
    $limit = 1000 * [int](pl_arg $a 'limit')
    $clock = [Diagnostics.Stopwatch]::StartNew()
    $clients = [Net.Sockets.TcpClient[]]::new($hosts.Length)
    $waits = [IAsyncResult[]]::new($hosts.Length)
    for ($at = 0; $at -lt $hosts.Length; $at++) {
        $address = $null
        $family = [Net.Sockets.AddressFamily]::InterNetwork
        if ([Net.IPAddress]::TryParse($hosts[$at], [ref]$address)) { $family = $address.AddressFamily }
        $clients[$at] = [Net.Sockets.TcpClient]::new($family)
        $waits[$at] = $clients[$at].BeginConnect($hosts[$at], [int]$ports[$at], $null, $null)
    }
    for ($at = 0; $at -lt $hosts.Length; $at++) {
        $left = [Math]::Max(0, $limit - $clock.ElapsedMilliseconds)
        pw_preflight_reached ($at + 1) $clients[$at] $waits[$at] $left
        $clients[$at].Close()
    }
    return 0
}

function pw_preflight_reached($number, $client, $wait, $left) {
    if (-not $wait.AsyncWaitHandle.WaitOne([int]$left)) {
        [void](pl_v 'reach' "$number 124")
        return
    }
    try {
        $client.EndConnect($wait)
        [void](pl_v 'reach' "$number 0")
    } catch {
        [void](pl_v 'reach' "$number 1")
        [void](pl_v 'why' ("$number " + $_.Exception.GetBaseException().Message))
    }
}

# preflight_certificates location store [thumbprint] [subject] [identity]: the certificates of a store that have this
# thumbprint or subject: `certificate NUMBER THUMBPRINT KEY` (KEY is 1 where the private key is there) and the bytes
# `certificate.NUMBER`. With IDENTITY its SID as `identity`, and `reader NUMBER SID` for everybody who may read the key.
function pw_preflight_certificates($a) {
    $identity = pl_arg $a 'identity'
    if ($null -ne $identity) { [void](pl_v 'identity' (pw_sys_sid $identity)) }
    $key = [ordered]@{}
    $key['location'] = pl_arg $a 'location'
    $key['store'] = pl_arg $a 'store'
    $thumbprint = pl_arg $a 'thumbprint'
    $subject = pl_arg $a 'subject'
    $number = 0
    $store = pw_sys_store $key 'ReadOnly, OpenExistingOnly'
    try {
        foreach ($certificate in $store.Certificates) {
            if ($null -ne $thumbprint -and $certificate.Thumbprint -ne $thumbprint) { continue }
            if ($null -ne $subject -and $certificate.Subject -ne $subject) { continue }
            $number = $number + 1
            $key['thumbprint'] = $certificate.Thumbprint
            pw_preflight_certificate $number $certificate $key ($null -ne $identity)
        }
    } finally {
        $store.Close()
    }
    return 0
}

function pw_preflight_certificate($number, $certificate, $key, $readers) {
    $there = '0'
    if ($certificate.HasPrivateKey) { $there = '1' }
    [void](pl_v 'certificate' ('{0} {1} {2}' -f $number, $certificate.Thumbprint, $there))
    [void](pl_b ("certificate.$number") $certificate.RawData)
    if (-not $readers -or -not $certificate.HasPrivateKey) { return }
    try {
        $security = pw_sys_security (pw_sys_key_file $key) 'Access'
        $read = [int][Security.AccessControl.FileSystemRights]::Read
        foreach ($rule in $security.GetAccessRules($true, $true, [Security.Principal.SecurityIdentifier])) {
            if ([string]$rule.AccessControlType -cne 'Allow') { continue }
            if (([int]$rule.FileSystemRights -band $read) -eq $read) {
                [void](pl_v 'reader' ('{0} {1}' -f $number, $rule.IdentityReference.Value))
            }
        }
    } catch {
        [void](pl_v 'hidden' ("$number " + (pw_reason $_)))
    }
}
