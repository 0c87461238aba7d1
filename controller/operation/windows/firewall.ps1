# Rules of the Windows firewall, through its automation objects
# (learn.microsoft.com/windows/win32/api/netfw/nn-netfw-inetfwrule). A rule is told from others by its name.

# Names of numbers in INetFwRule: Direction, Action, Protocol (IANA), and bits of Profiles.
$script:pw_firewall_protocols = @{ 1 = 'icmpv4'; 2 = 'igmp'; 6 = 'tcp'; 17 = 'udp'; 41 = 'ipv6'; 47 = 'gre'
    58 = 'icmpv6'; 112 = 'vrrp'; 113 = 'pgm'; 256 = 'any' }
$script:pw_firewall_profiles = [ordered]@{ domain = 1; private = 2; public = 4 }
$script:pw_firewall_texts = [ordered]@{ localport = 'LocalPorts'; remoteport = 'RemotePorts'
    localip = 'LocalAddresses'; remoteip = 'RemoteAddresses'; program = 'ApplicationName'; service = 'serviceName'
    description = 'Description'; group = 'Grouping'; icmp_type_code = 'IcmpTypesAndCodes'
    interfacetypes = 'InterfaceTypes' }

# NAME: the rule, or $null.
function pw_sys_firewall_rule($policy, $name) {
    foreach ($rule in $policy.Rules) {
        if ($rule.Name -eq $name) { return $rule }
    }
    return $null
}

function pw_read_firewall($key) {
    $rule = pw_sys_firewall_rule (pw_sys_com 'HNetCfg.FwPolicy2') $key['name']
    if ($null -eq $rule) { return $null }
    $state = [ordered]@{}
    $state['enabled'] = [string[]]@(([string][bool]$rule.Enabled).ToLowerInvariant())
    $direction = 'in'
    if ([int]$rule.Direction -eq 2) { $direction = 'out' }
    $state['direction'] = [string[]]@($direction)
    $action = 'block'
    if ([int]$rule.Action -eq 1) { $action = 'allow' }
    $state['action'] = [string[]]@($action)
    $number = [int]$rule.Protocol
    $protocol = [string]$number
    if ($script:pw_firewall_protocols.ContainsKey($number)) { $protocol = $script:pw_firewall_protocols[$number] }
    $state['protocol'] = [string[]]@($protocol)
    foreach ($name in $script:pw_firewall_texts.Keys) {
        $state[$name] = [string[]]@([string]$rule.($script:pw_firewall_texts[$name]))
    }
    $profiles = [Collections.Generic.List[string]]::new()
    foreach ($name in $script:pw_firewall_profiles.Keys) {
        if (([int]$rule.Profiles -band $script:pw_firewall_profiles[$name]) -ne 0) { $profiles.Add($name) }
    }
    $state['profiles'] = $profiles.ToArray()
    return $state
}

function pw_clean_firewall($name, $values) {
    $clean = [Collections.Generic.List[string]]::new()
    foreach ($value in $values) {
        $text = $value.ToLowerInvariant()
        if ($name -ceq 'localport' -or $name -ceq 'remoteport' -or $name -ceq 'localip' -or $name -ceq 'remoteip') {
            if ($text -ceq '' -or $text -ceq 'any') { $text = '*' }
            $text = pw_firewall_addresses $text
        }
        if ($name -ceq 'program') { $text = [Environment]::ExpandEnvironmentVariables($text).ToLowerInvariant() }
        if (($name -ceq 'icmp_type_code' -or $name -ceq 'interfacetypes') -and ($text -ceq '' -or $text -ceq 'any')) {
            $text = '*'
            if ($name -ceq 'interfacetypes') { $text = 'all' }
        }
        $clean.Add($text)
    }
    if ($name -ceq 'profiles') { $clean.Sort([StringComparer]::Ordinal) }
    $clean.ToArray()
}

# TEXT: ports or addresses in the form in which the firewall tells them, sorted: a single address comes back with its
# mask.
function pw_firewall_addresses($text) {
    $parts = [Collections.Generic.List[string]]::new()
    foreach ($part in $text.Split(',')) {
        $one = $part.Trim()
        if ($one.EndsWith('/255.255.255.255')) { $one = $one.Substring(0, $one.Length - 16) }
        if ($one -cmatch '^[0-9.]+/32$') { $one = $one.Substring(0, $one.Length - 3) }
        if ($one.EndsWith('/128')) { $one = $one.Substring(0, $one.Length - 4) }
        if ($one -cmatch '^([0-9.]+)/([0-9.]{7,15})$') { $one = $Matches[1] + '/' + (pw_firewall_bits $Matches[2]) }
        $parts.Add($one)
    }
    $parts.Sort([StringComparer]::Ordinal)
    return [string]::Join(',', $parts)
}

# MASK: the number of its bits.
function pw_firewall_bits($mask) {
    $bits = 0
    foreach ($byte in [Net.IPAddress]::Parse($mask).GetAddressBytes()) {
        for ($i = 7; $i -ge 0; $i--) {
            if (([int]$byte -band (1 -shl $i)) -ne 0) { $bits++ }
        }
    }
    return $bits
}

function pw_write_firewall($key, $state, $before) {
    $policy = pw_sys_com 'HNetCfg.FwPolicy2'
    $name = $key['name']
    if ($null -eq $state) {
        [void]$policy.Rules.Remove($name)
        return
    }
    $rule = $null
    if ($null -ne $before) { $rule = pw_sys_firewall_rule $policy $name }
    $new = $null -eq $rule
    if ($new) {
        $rule = pw_sys_com 'HNetCfg.FWRule'
        $rule.Name = $name
    }
# Ports belong to a protocol, so that comes first.
    if ($state.Contains('protocol')) { $rule.Protocol = pw_firewall_protocol $state['protocol'][0] }
    foreach ($attribute in $state.Keys) { pw_firewall_set $rule $attribute $state[$attribute] $new }
    if ($new) { [void]$policy.Rules.Add($rule) }
}

# TEXT: the number of a protocol.
function pw_firewall_protocol($text) {
    foreach ($number in $script:pw_firewall_protocols.Keys) {
        if ($script:pw_firewall_protocols[$number] -ceq $text.ToLowerInvariant()) { return $number }
    }
    return [int]$text
}

# RULE ATTRIBUTE VALUES NEW: writes one attribute. What is empty anyway is left alone in a new rule.
function pw_firewall_set($rule, $attribute, $values, $new) {
    switch -CaseSensitive ($attribute) {
        'protocol' { return }
        'enabled' { $rule.Enabled = $values[0] -ceq 'true' }
        'direction' {
            $rule.Direction = 1
            if ($values[0] -ceq 'out') { $rule.Direction = 2 }
        }
        'action' {
            $rule.Action = 0
            if ($values[0] -ceq 'allow') { $rule.Action = 1 }
        }
        'profiles' {
            $bits = 0
            foreach ($name in $values) { $bits = $bits -bor $script:pw_firewall_profiles[$name.ToLowerInvariant()] }
            if ($bits -eq 7) { $bits = 2147483647 }
            $rule.Profiles = $bits
        }
        default {
            $text = $values[0]
            $ports = @('localport', 'remoteport', 'localip', 'remoteip') -ccontains $attribute
            if ($ports -and ($text -eq 'any' -or $text -ceq '')) { $text = '*' }
            if ($new -and ($text -ceq '' -or $text -ceq '*')) { return }
            $rule.($script:pw_firewall_texts[$attribute]) = $text
        }
    }
}
