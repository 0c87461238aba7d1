# Rules of the Windows firewall, through its automation objects
# (learn.microsoft.com/windows/win32/api/netfw/nn-netfw-inetfwrule). A rule is told from others by its name, which several
# may have: Windows itself comes with such. They are one thing here. What they have alike is told once; what differs has a
# value for each, `rule 1: VALUE`, `rule 2: VALUE` ..., in the order of the collection, and `rules` is how many there are.

# Names of numbers in INetFwRule: Direction, Action, Protocol (IANA), and bits of Profiles.
$script:pw_firewall_protocols = @{ 1 = 'icmpv4'; 2 = 'igmp'; 6 = 'tcp'; 17 = 'udp'; 41 = 'ipv6'; 47 = 'gre'
    58 = 'icmpv6'; 112 = 'vrrp'; 113 = 'pgm'; 256 = 'any' }
$script:pw_firewall_profiles = [ordered]@{ domain = 1; private = 2; public = 4 }
$script:pw_firewall_texts = [ordered]@{ localport = 'LocalPorts'; remoteport = 'RemotePorts'
    localip = 'LocalAddresses'; remoteip = 'RemoteAddresses'; program = 'ApplicationName'; service = 'serviceName'
    description = 'Description'; group = 'Grouping'; icmp_type_code = 'IcmpTypesAndCodes'
    interfacetypes = 'InterfaceTypes' }
# Numbers of INetFwRule2 and INetFwRule3 that no task can ask for, and that come back with a rule that was removed.
$script:pw_firewall_numbers = [ordered]@{ edge = 'EdgeTraversalOptions'; secure = 'SecureFlags' }

# NAME: the rules of this name.
function pw_sys_firewall_rules($policy, $name) {
    $found = [Collections.Generic.List[object]]::new()
    foreach ($rule in $policy.Rules) {
        if ($rule.Name -eq $name) { $found.Add($rule) }
    }
    return , $found.ToArray()
}

function pw_read_firewall($key) {
    $rules = pw_sys_firewall_rules (pw_sys_com 'HNetCfg.FwPolicy2') $key['name']
    if ($rules.Length -eq 0) { return $null }
    $states = [Collections.Generic.List[object]]::new()
    foreach ($rule in $rules) { $states.Add((pw_firewall_state $rule)) }
    if ($states.Count -eq 1) { return $states[0] }
    $all = [ordered]@{}
    foreach ($name in $states[0].Keys) {
        $rows = [Collections.Generic.List[string]]::new()
        $alike = $true
        for ($i = 0; $i -lt $states.Count; $i++) {
            $value = [string]::Join(',', [string[]]$states[$i][$name])
            if ($value -cne [string]::Join(',', [string[]]$states[0][$name])) { $alike = $false }
            $rows.Add("rule $($i + 1): $value")
        }
        $all[$name] = $states[0][$name]
        if (-not $alike) { $all[$name] = $rows.ToArray() }
    }
    $all['rules'] = [string[]]@([string]$states.Count)
    return $all
}

# VALUES NUMBER: those that the rule with this number (from 1) gets.
function pw_firewall_own($values, $number) {
    if ($values.Length -eq 0 -or -not $values[0].StartsWith('rule 1: ')) { return , [string[]]$values }
    if ($number -gt $values.Length) { throw "there are more rules of this name than there were before" }
    $value = $values[$number - 1].Substring("rule ${number}: ".Length)
    return , [string[]]$value.Split(',')
}

# RULE: its attributes.
function pw_firewall_state($rule) {
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
    foreach ($name in $script:pw_firewall_numbers.Keys) {
        if ($null -eq $rule.PSObject.Properties[$script:pw_firewall_numbers[$name]]) { continue }
        $state[$name] = [string[]]@([string][int]$rule.($script:pw_firewall_numbers[$name]))
    }
    $interfaces = [string[]]@()
    if ($null -ne $rule.Interfaces) { $interfaces = [string[]]@($rule.Interfaces) }
    $state['interfaces'] = $interfaces
    return $state
}

function pw_clean_firewall($name, $values) {
    if ($values.Length -gt 1 -and $values[0].StartsWith('rule 1: ')) { return $values }
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
    $rules = pw_sys_firewall_rules $policy $name
    if ($null -eq $state) {
# A call takes away one of them at least.
        for ($i = $rules.Length; $i -gt 0; $i--) {
            [void]$policy.Rules.Remove($name)
            if ((pw_sys_firewall_rules $policy $name).Length -eq 0) { return }
        }
        return
    }
    if ($null -ne $before) {
        for ($i = 0; $i -lt $rules.Length; $i++) { pw_firewall_write $rules[$i] $state ($i + 1) $false }
        return
    }
    $count = 1
    if ($state.Contains('rules')) { $count = [int]$state['rules'][0] }
    for ($i = 1; $i -le $count; $i++) {
        $rule = pw_sys_com 'HNetCfg.FWRule'
        $rule.Name = $name
        pw_firewall_write $rule $state $i $true
        [void]$policy.Rules.Add($rule)
    }
}

# RULE STATE NUMBER NEW: gives a rule its values. Ports belong to a protocol, so that comes first.
function pw_firewall_write($rule, $state, $number, $new) {
    if ($state.Contains('protocol')) {
        $rule.Protocol = pw_firewall_protocol (pw_firewall_own $state['protocol'] $number)[0]
    }
    foreach ($attribute in $state.Keys) {
        pw_firewall_set $rule $attribute (pw_firewall_own $state[$attribute] $number) $new
    }
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
        'rules' { return }
        { $script:pw_firewall_numbers.Contains($_) } {
            $property = $script:pw_firewall_numbers[$attribute]
            if ([int]$rule.$property -ne [int]$values[0]) { $rule.$property = [int]$values[0] }
        }
        'interfaces' {
            $names = [object[]]@()
            foreach ($value in $values) { if ($value -cne '') { $names = $names + @($value) } }
            if ($names.Length -gt 0) { $rule.Interfaces = $names } elseif (-not $new) { $rule.Interfaces = $null }
        }
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
# The values of one rule of several come apart at their commas.
            if ($values.Length -gt 1) { $text = [string]::Join(',', $values) }
            $ports = @('localport', 'remoteport', 'localip', 'remoteip') -ccontains $attribute
            if ($ports -and ($text -eq 'any' -or $text -ceq '')) { $text = '*' }
            if ($new -and ($text -ceq '' -or $text -ceq '*')) { return }
            pw_sys_com_text $rule $script:pw_firewall_texts[$attribute] $text
        }
    }
}
