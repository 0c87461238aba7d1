# Certificates in the stores of Windows: key `location` (LocalMachine, CurrentUser), `store` (My, Root ...) and
# `thumbprint`. A certificate that goes leaves its private key in its container, which the state names, so that it can
# come back with it.
# KEY FLAGS: the store, open.
function pw_sys_store($key, $flags) {
    $store = [Security.Cryptography.X509Certificates.X509Store]::new($key['store'],
        [Security.Cryptography.X509Certificates.StoreLocation]$key['location'])
    $store.Open([Security.Cryptography.X509Certificates.OpenFlags]$flags)
    return $store
}

# KEY: the certificate, or $null.
function pw_sys_certificate($key) {
    $store = pw_sys_store $key 'ReadOnly, OpenExistingOnly'
    try {
        foreach ($certificate in $store.Certificates) {
            if ($certificate.Thumbprint -eq $key['thumbprint']) { return $certificate }
        }
    } finally {
        $store.Close()
    }
    return $null
}

# CERTIFICATE: where its private key lies: provider, container, and the name of the file. Empty where there is none, or
# this user may not look.
function pw_sys_key_place($certificate) {
    $place = @{ provider = ''; name = ''; file = '' }
    if (-not $certificate.HasPrivateKey) { return $place }
    try {
        $private = [Security.Cryptography.X509Certificates.RSACertificateExtensions]::GetRSAPrivateKey($certificate)
        if ($null -eq $private) {
            $private = [Security.Cryptography.X509Certificates.ECDsaCertificateExtensions]::GetECDsaPrivateKey(
                $certificate)
        }
        if ($private -is [Security.Cryptography.RSACryptoServiceProvider]) {
            $info = $private.CspKeyContainerInfo
            $place.provider = $info.ProviderName
            $place.name = $info.KeyContainerName
            $place.file = $info.UniqueKeyContainerName
        } elseif ($null -ne $private) {
            $place.provider = $private.Key.Provider.Provider
            $place.name = $private.Key.KeyName
            $place.file = $private.Key.UniqueName
        }
    } catch {
        [void](pl_v 'warning' ('the place of the private key cannot be read: {0}' -f (pw_reason $_)))
    }
    return $place
}

# CERTIFICATE: as a state.
function pw_certificate_state($certificate) {
    $place = pw_sys_key_place $certificate
    $state = [ordered]@{}
    $state['raw'] = [string[]]@([Convert]::ToBase64String($certificate.RawData))
    $state['key_provider'] = [string[]]@([string]$place.provider)
    $state['key_name'] = [string[]]@([string]$place.name)
    $state['friendly_name'] = [string[]]@([string]$certificate.FriendlyName)
    $state['.thumbprint'] = [string[]]@($certificate.Thumbprint)
    $state['.subject'] = [string[]]@($certificate.Subject)
    $state['.issuer'] = [string[]]@($certificate.Issuer)
    $state['.not_before'] = [string[]]@($certificate.NotBefore.ToUniversalTime().ToString('o'))
    $state['.not_after'] = [string[]]@($certificate.NotAfter.ToUniversalTime().ToString('o'))
    $state['.has_key'] = [string[]]@(([string]$certificate.HasPrivateKey).ToLowerInvariant())
    $state['.algorithm'] = [string[]]@([string]$certificate.SignatureAlgorithm.FriendlyName)
    $state['.key_file'] = [string[]]@([string]$place.file)
    return $state
}

function pw_read_certificate($key) {
    $certificate = pw_sys_certificate $key
    if ($null -eq $certificate) { return $null }
    return pw_certificate_state $certificate
}

function pw_list_certificate {
    $key = [ordered]@{}
    $key['location'] = pl_arg $script:pw_call 'location'
    $key['store'] = pl_arg $script:pw_call 'store'
    $store = pw_sys_store $key 'ReadOnly, OpenExistingOnly'
    try {
        foreach ($certificate in $store.Certificates) {
            $one = [ordered]@{}
            $one['location'] = $key['location']
            $one['store'] = $key['store']
            $one['thumbprint'] = $certificate.Thumbprint
            $one
        }
    } finally {
        $store.Close()
    }
}

function pw_write_certificate($key, $state, $before) {
    if ($null -eq $state) {
        pw_certificate_remove $key $before
        return
    }
    if ($null -ne $before) { throw 'a certificate that is there cannot be changed' }
    if ($script:pw_restoring) {
        pw_certificate_back $key $state
        return
    }
    $store = pw_sys_store $key 'ReadWrite'
    try {
        foreach ($certificate in (pw_certificate_read $state['secret.password'][0] $key $true)) {
            if ($certificate.Thumbprint -eq $key['thumbprint']) { $store.Add($certificate) }
        }
    } finally {
        $store.Close()
    }
}

# location store path secret.password key_storage exportable want check; without a path the payload is the file: brings
# all certificates of a PFX, PEM or CER file into a store, or takes them out, and reports each as `thumbprint`.
function pw_import_certificate($a) {
    $script:pw_restoring = $false
    $script:pw_call = $a
    $password = pl_arg $a 'secret.password'
    if ($null -eq $password) { $password = '' }
    $key = [ordered]@{}
    $key['location'] = pl_arg $a 'location'
    $key['store'] = pl_arg $a 'store'
    $key['thumbprint'] = ''
    $found = [Collections.Generic.List[string]]::new()
    foreach ($certificate in (pw_certificate_read $password $key $false)) {
        $found.Add($certificate.Thumbprint)
        $certificate.Reset()
    }
    if ($found.Count -eq 0) { return pl_fail 'there is no certificate in this file' }
    $present = (pl_arg $a 'want') -cne 'absent'
    foreach ($thumbprint in $found) {
        $key['thumbprint'] = $thumbprint
        [void](pl_v 'thumbprint' $thumbprint)
        $before = pw_read_certificate $key
        if (($null -ne $before) -eq $present) { continue }
        [void](pl_v 'changed' '1')
        if (pl_flag $a 'check') { continue }
        $number = pw_point_save 'certificate' $key $before @('*')
        $state = $null
        if ($present) {
            $state = [ordered]@{}
            $state['secret.password'] = [string[]]@($password)
        }
        pw_write_certificate $key $state $before
        $after = pw_read_certificate $key
        if (($null -ne $after) -ne $present) { return pl_fail "``$thumbprint`` did not go where it should" }
        pw_point_after $number $after
    }
    return 0
}

# PASSWORD KEY KEEP: the certificates of the payload, their private keys where Windows looks for those of this location.
# Without KEEP the keys are gone with the objects.
function pw_certificate_read($password, $key, $keep) {
    $flags = 'DefaultKeySet'
    if ($keep) { $flags = 'PersistKeySet' }
    $storage = pl_arg $script:pw_call 'key_storage'
    if ($storage -ceq 'machine' -or ($null -eq $storage -and $key['location'] -ceq 'LocalMachine')) {
        $flags = $flags + ', MachineKeySet'
    } elseif ($storage -ceq 'user') {
        $flags = $flags + ', UserKeySet'
    }
    if (pl_flag $script:pw_call 'exportable') { $flags = $flags + ', Exportable' }
    $read = [Security.Cryptography.X509Certificates.X509Certificate2Collection]::new()
    $path = pl_arg $script:pw_call 'path'
    if ($null -ne $path) { $bytes = [IO.File]::ReadAllBytes($path) } else { $bytes = pl_payload_bytes }
    $read.Import($bytes, $password,
        [Security.Cryptography.X509Certificates.X509KeyStorageFlags]$flags)
    return , $read
}

# KEY BEFORE: takes it out of the store. A rollback of what the run brought in removes the private key, too: nobody else
# has it.
function pw_certificate_remove($key, $before) {
    $certificate = pw_sys_certificate $key
    $store = pw_sys_store $key 'ReadWrite'
    try {
        $store.Remove($certificate)
    } finally {
        $store.Close()
    }
    if (-not $script:pw_restoring -or $before['key_name'][0] -ceq '') { return }
    pw_sys_key_delete $key $before
}

# KEY STATE: how the older providers (CSP) are told about a container; those of CNG have `Key Storage Provider` in their
# names.
function pw_sys_csp($key, $state) {
    $flags = [Security.Cryptography.CspProviderFlags]::UseExistingKey
    if ($key['location'] -ceq 'LocalMachine') {
        $flags = $flags -bor [Security.Cryptography.CspProviderFlags]::UseMachineKeyStore
    }
    $csp = [Security.Cryptography.CspParameters]::new(24, $state['key_provider'][0], $state['key_name'][0])
    $csp.Flags = $flags
    return $csp
}

# KEY STATE: the RSA key in the container that a state names; $null when it is gone.
function pw_sys_key($key, $state) {
    if (-not $state['key_provider'][0].Contains('Key Storage Provider')) {
        try {
            return [Security.Cryptography.RSACryptoServiceProvider]::new((pw_sys_csp $key $state))
        } catch [Security.Cryptography.CryptographicException] {
            return $null
        }
    }
    $options = [Security.Cryptography.CngKeyOpenOptions]::None
    if ($key['location'] -ceq 'LocalMachine') { $options = [Security.Cryptography.CngKeyOpenOptions]::MachineKey }
    $provider = [Security.Cryptography.CngProvider]::new($state['key_provider'][0])
    $name = $state['key_name'][0]
    if (-not [Security.Cryptography.CngKey]::Exists($name, $provider, $options)) { return $null }
    return [Security.Cryptography.RSACng]::new([Security.Cryptography.CngKey]::Open($name, $provider, $options))
}

# KEY STATE: deletes the container.
function pw_sys_key_delete($key, $state) {
    $private = pw_sys_key $key $state
    if ($null -eq $private) { return }
    if ($private -is [Security.Cryptography.RSACryptoServiceProvider]) {
        $private.PersistKeyInCsp = $false
        $private.Clear()
    } else {
        $private.Key.Delete()
    }
}

# KEY STATE: brings back a certificate that was taken out, and tells it where its private key is.
function pw_certificate_back($key, $state) {
    $bytes = [Convert]::FromBase64String($state['raw'][0])
    $certificate = [Security.Cryptography.X509Certificates.X509Certificate2]::new($bytes)
    if ($state['key_name'][0] -cne '') {
        $private = pw_sys_key $key $state
        if ($null -eq $private) { throw 'the private key of the certificate is gone, so it cannot come back' }
        $certificate = [Security.Cryptography.X509Certificates.RSACertificateExtensions]::CopyWithPrivateKey(
            $certificate, $private)
    }
    if ($state['friendly_name'][0] -cne '') { $certificate.FriendlyName = $state['friendly_name'][0] }
    $store = pw_sys_store $key 'ReadWrite'
    try {
        $store.Add($certificate)
    } finally {
        $store.Close()
    }
}
