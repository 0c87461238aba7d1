# Bindings of IIS sites. In the list of a site each is `protocol|ip:port:host|sslFlags|thumbprint|store`.
# The certificate of a binding lies with http.sys; the object model writes it together with the configuration.

# BINDING: it as a row.
function pw_iis_binding_row($binding) {
    $hash = ''
    $store = ''
    if ($null -ne $binding.CertificateHash) {
        $hash = [BitConverter]::ToString($binding.CertificateHash).Replace('-', '')
        $store = [string]$binding.CertificateStoreName
    }
    $flags = [string][int]$binding.GetAttributeValue('sslFlags')
    return [string]::Join('|', @($binding.Protocol, $binding.BindingInformation, $flags, $hash, $store))
}

# SITE: all bindings of it.
function pw_iis_binding_rows($site) {
    $rows = [Collections.Generic.List[string]]::new()
    foreach ($binding in $site.Bindings) { $rows.Add((pw_iis_binding_row $binding)) }
    return , $rows.ToArray()
}

# THUMBPRINT: its bytes.
function pw_iis_hash($thumbprint) {
    $bytes = [byte[]]::new($thumbprint.Length / 2)
    for ($i = 0; $i -lt $bytes.Length; $i++) {
        $bytes[$i] = [Convert]::ToByte($thumbprint.Substring(2 * $i, 2), 16)
    }
    return , $bytes
}

# SITE ROW: adds a binding.
function pw_iis_binding_add($site, $row) {
    $parts = $row.Split('|')
    $flags = [int]$parts[2]
    if ($parts[3] -cne '') {
        $hash = pw_iis_hash $parts[3]
        [void]$site.Bindings.Add($parts[1], $hash, $parts[4], [Microsoft.Web.Administration.SslFlags]$flags)
        return
    }
    $binding = $site.Bindings.Add($parts[1], $parts[0])
    if ($flags -ne 0) { $binding.SetAttributeValue('sslFlags', $flags) }
}

# MANAGER SITE BINDING: removes a binding. The certificate of an address and port that another site uses without a host
# name of its own (flag 1) stays.
function pw_iis_binding_remove($manager, $site, $binding) {
    $info = $binding.BindingInformation
    $end = $info.Substring(0, $info.LastIndexOf(':') + 1)
    $shared = $false
    foreach ($other in $manager.Sites) {
        foreach ($one in $other.Bindings) {
            if ($one.Protocol -cne 'https' -or ([int]$one.GetAttributeValue('sslFlags') -band 1) -ne 0) { continue }
            $same = $other.Name -ceq $site.Name -and $one.BindingInformation -ceq $info
            if (-not $same -and $one.BindingInformation.StartsWith($end)) { $shared = $true }
        }
    }
    $site.Bindings.Remove($binding, $shared)
}

# SITE PROTOCOL INFORMATION: the binding, or $null.
function pw_iis_binding_find($site, $protocol, $info) {
    foreach ($binding in $site.Bindings) {
        if ($binding.Protocol -eq $protocol -and $binding.BindingInformation -eq $info) { return $binding }
    }
    return $null
}

# MANAGER SITE ROWS: makes a site have these bindings.
function pw_iis_set_bindings($manager, $site, $rows) {
    $extra = [Collections.Generic.List[object]]::new()
    $known = [Collections.Generic.HashSet[string]]::new([StringComparer]::OrdinalIgnoreCase)
    foreach ($binding in $site.Bindings) {
        $row = pw_iis_binding_row $binding
        if ($rows -contains $row) { [void]$known.Add($row) } else { $extra.Add($binding) }
    }
    foreach ($binding in $extra) { pw_iis_binding_remove $manager $site $binding }
    foreach ($row in $rows) {
        if (-not $known.Contains($row)) { pw_iis_binding_add $site $row }
    }
}

# KEY: `ip:port:host`. An address of version 6 stands in brackets.
function pw_iis_binding_info($key) {
    return $key['ip'] + ':' + $key['port'] + ':' + $key['host']
}

function pw_read_binding($key) {
    $site = pw_iis_find 'site' $key['site']
    if ($null -eq $site) { return $null }
    $binding = pw_iis_binding_find $site $key['protocol'] (pw_iis_binding_info $key)
    if ($null -eq $binding) { return $null }
    $parts = (pw_iis_binding_row $binding).Split('|')
    $state = [ordered]@{}
    $state['sslFlags'] = [string[]]@($parts[2])
    $state['certificateHash'] = [string[]]@($parts[3])
    $state['certificateStoreName'] = [string[]]@($parts[4])
    return $state
}

function pw_clean_binding($name, $values) {
    foreach ($value in $values) { $value.ToLowerInvariant() }
}

function pw_write_binding($key, $state, $before) {
    $manager = pw_sys_iis
    $site = $manager.Sites[$key['site']]
    if ($null -eq $site) { throw "there is no site ``$($key['site'])``" }
    $info = pw_iis_binding_info $key
    $binding = pw_iis_binding_find $site $key['protocol'] $info
    if ($null -eq $state) {
        pw_iis_binding_remove $manager $site $binding
        $manager.CommitChanges()
        return
    }
    $all = pw_merged $state $before
    $flags = '0'
    $hash = ''
    $store = ''
    if ($all.Contains('sslFlags')) { $flags = $all['sslFlags'][0] }
    if ($all.Contains('certificateHash')) { $hash = $all['certificateHash'][0] }
    if ($all.Contains('certificateStoreName')) { $store = $all['certificateStoreName'][0] }
    if ($hash -cne '' -and $store -ceq '') { $store = 'My' }
# Flags decide under which name http.sys keeps the certificate, so with others the binding is a new one.
    if ($null -ne $binding -and ($state.Contains('sslFlags') -or $hash -ceq '')) {
        pw_iis_binding_remove $manager $site $binding
        $manager.CommitChanges()
        $manager = pw_sys_iis
        $site = $manager.Sites[$key['site']]
        $binding = $null
    }
    if ($null -eq $binding) {
        pw_iis_binding_add $site ([string]::Join('|', @($key['protocol'], $info, $flags, $hash, $store)))
    } else {
        $binding.CertificateHash = pw_iis_hash $hash
        $binding.CertificateStoreName = $store
    }
    $manager.CommitChanges()
}

function pw_list_binding {
    foreach ($site in (pw_sys_iis).Sites) {
        foreach ($binding in $site.Bindings) {
            $parts = $binding.BindingInformation.Split(':')
            $count = $parts.Length
            if ($count -lt 3) { continue }
            $key = [ordered]@{}
            $key['site'] = $site.Name
            $key['protocol'] = $binding.Protocol
            $key['ip'] = [string]::Join(':', $parts, 0, $count - 2)
            $key['port'] = $parts[$count - 2]
            $key['host'] = $parts[$count - 1]
            $key
        }
    }
}
