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

# CERTIFICATE: where its private key lies: provider with the type of its kind (0 for CNG), container with the number of the
# key in it, whether it is the machine's, and the name of the file. Empty where there is none, or this user may not look;
# `gone` where the certificate names a container that is not there.
function pw_sys_key_place($certificate) {
    $place = @{ provider = ''; name = ''; file = ''; type = 0; number = 0; machine = $false; gone = $false }
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
            $place.type = [int]$info.ProviderType
            $place.number = [int]$info.KeyNumber
            $place.machine = $info.MachineKeyStore
        } elseif ($null -ne $private) {
            $place.provider = $private.Key.Provider.Provider
            $place.name = $private.Key.KeyName
            $place.file = $private.Key.UniqueName
            $place.machine = $private.Key.IsMachineKey
        }
    } catch {
# NTE_BAD_KEYSET, 0x80090016: learn.microsoft.com/windows/win32/com/com-error-codes-4.
        if ($_.Exception.GetBaseException().HResult -eq -2146893802) {
            $place.gone = $true
            return $place
        }
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
    $state['key_type'] = [string[]]@([string]$place.type)
    $state['key_number'] = [string[]]@([string]$place.number)
    $state['key_machine'] = [string[]]@(([string][bool]$place.machine).ToLowerInvariant())
    $state['friendly_name'] = [string[]]@([string]$certificate.FriendlyName)
    $state['.thumbprint'] = [string[]]@($certificate.Thumbprint)
    $state['.subject'] = [string[]]@($certificate.Subject)
    $state['.issuer'] = [string[]]@($certificate.Issuer)
    $state['.not_before'] = [string[]]@($certificate.NotBefore.ToUniversalTime().ToString('o'))
    $state['.not_after'] = [string[]]@($certificate.NotAfter.ToUniversalTime().ToString('o'))
    $state['.has_key'] = [string[]]@(([string]$certificate.HasPrivateKey).ToLowerInvariant())
    $state['.algorithm'] = [string[]]@([string]$certificate.SignatureAlgorithm.FriendlyName)
    $state['.key_file'] = [string[]]@([string]$place.file)
    $state['.key_gone'] = [string[]]@(([string]$place.gone).ToLowerInvariant())
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

# KEY STATE: fails where a rollback could not bring the certificate back with its private key.
function pw_certificate_kept($key, $state) {
    if ($state['.has_key'][0] -cne 'true' -or $state['.key_gone'][0] -ceq 'true') { return }
    $hint = "`nhint: a rollback could not bring it back: export it, and remove it with ``win_command: certutil.exe -delstore``"
    if ($state['key_name'][0] -ceq '') { throw 'nobody can say where the private key of the certificate lies' + $hint }
    try {
        $private = pw_sys_key $key $state
    } catch {
        throw ('the private key of the certificate cannot be opened by its name: {0}' -f (pw_reason $_)) + $hint
    }
    if ($null -eq $private) { throw 'the private key of the certificate cannot be opened by its name' + $hint }
    $csp = $private -is [Security.Cryptography.RSACryptoServiceProvider]
    $private.Dispose()
    if ($PSVersionTable.PSVersion.Major -ge 6 -or $csp) { return }
    $extensions = [Security.Cryptography.X509Certificates.RSACertificateExtensions]
    if ($null -eq $extensions.GetMethod('CopyWithPrivateKey')) {
        throw 'the host has a .NET Framework older than 4.7.2, which cannot give a certificate its private key' + $hint
    }
}

# KEY BEFORE: takes it out of the store. A rollback of what the run brought in removes the private key, too: nobody else
# has it.
function pw_certificate_remove($key, $before) {
    if (-not $script:pw_restoring) { pw_certificate_kept $key $before }
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

# KEY STATE: whether the private key is one of the machine. Points of older versions do not say it.
function pw_certificate_machine($key, $state) {
    if ($state.Contains('key_machine')) { return $state['key_machine'][0] -ceq 'true' }
    return $key['location'] -ceq 'LocalMachine'
}

# STATE: whether the key is with a provider of CNG, all of which have that in their names, or with an older one (CSP).
function pw_certificate_cng($state) {
    return $state['key_provider'][0].Contains('Key Storage Provider')
}

# KEY STATE: how the older providers are told about a container: their type
# (learn.microsoft.com/windows/win32/seccrypto/cryptographic-provider-types) and which of its two keys is meant.
function pw_sys_csp($key, $state) {
    $flags = [Security.Cryptography.CspProviderFlags]::UseExistingKey
    if (pw_certificate_machine $key $state) {
        $flags = $flags -bor [Security.Cryptography.CspProviderFlags]::UseMachineKeyStore
    }
    $type = 24
    if ($state.Contains('key_type')) { $type = [int]$state['key_type'][0] }
    $csp = [Security.Cryptography.CspParameters]::new($type, $state['key_provider'][0], $state['key_name'][0])
    if ($state.Contains('key_number')) { $csp.KeyNumber = [int]$state['key_number'][0] }
    $csp.Flags = $flags
    return $csp
}

# KEY STATE: the key of CNG in the container that a state names; $null when it is gone.
function pw_sys_cng($key, $state) {
    $options = [Security.Cryptography.CngKeyOpenOptions]::None
    if (pw_certificate_machine $key $state) { $options = [Security.Cryptography.CngKeyOpenOptions]::MachineKey }
    $provider = [Security.Cryptography.CngProvider]::new($state['key_provider'][0])
    $name = $state['key_name'][0]
    if (-not [Security.Cryptography.CngKey]::Exists($name, $provider, $options)) { return $null }
    return [Security.Cryptography.CngKey]::Open($name, $provider, $options)
}

# KEY STATE: the RSA or ECDSA key in that container; $null when it is gone.
function pw_sys_key($key, $state) {
    if (-not (pw_certificate_cng $state)) {
        try {
            return [Security.Cryptography.RSACryptoServiceProvider]::new((pw_sys_csp $key $state))
        } catch [Security.Cryptography.CryptographicException] {
            return $null
        }
    }
    $opened = pw_sys_cng $key $state
    if ($null -eq $opened) { return $null }
    if ($opened.AlgorithmGroup -eq [Security.Cryptography.CngAlgorithmGroup]::Rsa) {
        return [Security.Cryptography.RSACng]::new($opened)
    }
    return [Security.Cryptography.ECDsaCng]::new($opened)
}

# KEY STATE: deletes the container.
function pw_sys_key_delete($key, $state) {
    if (pw_certificate_cng $state) {
        $opened = pw_sys_cng $key $state
        if ($null -ne $opened) { $opened.Delete() }
        return
    }
    $private = pw_sys_key $key $state
    if ($null -eq $private) { return }
    $private.PersistKeyInCsp = $false
    $private.Clear()
}

# CERTIFICATE PRIVATE: the certificate with its private key. For a key of an older provider .NET Framework writes provider,
# type and number of the key down by itself, whichever version it has; .NET has only the other way.
function pw_sys_certificate_with($certificate, $private) {
    if ($private -is [Security.Cryptography.ECDsa]) {
        return [Security.Cryptography.X509Certificates.ECDsaCertificateExtensions]::CopyWithPrivateKey(
            $certificate, $private)
    }
    if ($private -is [Security.Cryptography.RSACryptoServiceProvider] -and $PSVersionTable.PSVersion.Major -lt 6) {
        $certificate.PrivateKey = $private
        return $certificate
    }
    return [Security.Cryptography.X509Certificates.RSACertificateExtensions]::CopyWithPrivateKey($certificate, $private)
}

# KEY STATE: brings back a certificate that was taken out, and tells it where its private key is.
function pw_certificate_back($key, $state) {
    $bytes = [Convert]::FromBase64String($state['raw'][0])
    $certificate = [Security.Cryptography.X509Certificates.X509Certificate2]::new($bytes)
    if ($state['key_name'][0] -cne '') {
        $private = pw_sys_key $key $state
        if ($null -eq $private) { throw 'the private key of the certificate is gone, so it cannot come back' }
        $certificate = pw_sys_certificate_with $certificate $private
    }
    if ($state['friendly_name'][0] -cne '') { $certificate.FriendlyName = $state['friendly_name'][0] }
    $store = pw_sys_store $key 'ReadWrite'
    try {
        $store.Add($certificate)
    } finally {
        $store.Close()
    }
}
