# Who may read the private key of a certificate: a rule for `identity` on the file of the key. Key: location, store,
# thumbprint, identity; attribute `right`: `read` or `full`. The keys of the machine lie in
# %ProgramData%\Microsoft\Crypto\Keys (CNG) or ...\Crypto\RSA\MachineKeys (CSP)
# (learn.microsoft.com/windows/win32/seccng/key-storage-and-retrieval).

# KEY: the path of the file.
function pw_sys_key_file($key) {
    $certificate = pw_sys_certificate $key
    if ($null -eq $certificate) {
        throw "there is no certificate ``$($key['thumbprint'])`` in $($key['location'])\$($key['store'])"
    }
    $name = (pw_sys_key_place $certificate).file
    if ($name -ceq '') { throw "the certificate ``$($key['thumbprint'])`` has no private key that this user can see" }
    $data = [Environment]::GetFolderPath('CommonApplicationData')
    foreach ($folder in @('Keys', 'RSA\MachineKeys', 'SystemKeys', 'RSA\S-1-5-18')) {
        $path = [IO.Path]::Combine($data, 'Microsoft\Crypto', $folder, $name)
        if ([IO.File]::Exists($path)) { return $path }
    }
    throw "the file of the private key ``$name`` was not found`nhint: a key in hardware, or of a user, has no file here"
}

# KEY: the SID of the identity.
function pw_key_acl_sid($key) {
    $sid = pw_sys_sid $key['identity']
    if ($sid -ceq '') { throw "Windows knows no account ``$($key['identity'])``" }
    return $sid
}

function pw_read_key_acl($key) {
    if (pl_flag $script:pw_call 'check') {
# The certificate or the account may come with an earlier task.
        if ($null -eq (pw_sys_certificate $key) -or (pw_sys_sid $key['identity']) -ceq '') { return $null }
    }
    $sid = pw_key_acl_sid $key
    $security = pw_sys_security (pw_sys_key_file $key) 'Access'
    $rights = 0
    foreach ($rule in $security.GetAccessRules($true, $true, [Security.Principal.SecurityIdentifier])) {
        if ($rule.IdentityReference.Value -ceq $sid -and [string]$rule.AccessControlType -ceq 'Allow') {
            $rights = $rights -bor [int]$rule.FileSystemRights
        }
    }
    $read = [int][Security.AccessControl.FileSystemRights]::Read
    $full = [int][Security.AccessControl.FileSystemRights]::FullControl
    if (($rights -band $read) -ne $read) { return $null }
    $state = [ordered]@{}
    $state['right'] = [string[]]@('read')
    if (($rights -band $full) -eq $full) { $state['right'] = [string[]]@('full') }
    return $state
}

function pw_write_key_acl($key, $state, $before) {
    $path = pw_sys_key_file $key
    $sid = [Security.Principal.SecurityIdentifier]::new((pw_key_acl_sid $key))
    $security = pw_sys_security $path 'Access'
    $security.PurgeAccessRules($sid)
    if ($null -ne $state) {
        $right = [Security.AccessControl.FileSystemRights]::Read
        if ($state['right'][0] -ceq 'full') { $right = [Security.AccessControl.FileSystemRights]::FullControl }
        $security.AddAccessRule([Security.AccessControl.FileSystemAccessRule]::new($sid, $right, 'Allow'))
    }
    $info = [IO.FileInfo]::new($path)
    if ($PSVersionTable.PSVersion.Major -lt 6) {
        $info.SetAccessControl($security)
    } else {
        [IO.FileSystemAclExtensions]::SetAccessControl($info, $security)
    }
}
