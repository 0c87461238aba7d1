# The seam to what only Windows has. Everything above it is language and plain .NET, so that it runs under
# any engine; a test may put its own functions of these names in front.

# Whether this is Windows: elsewhere there are no security descriptors and no drive letters.
function pw_sys_windows {
    return [IO.Path]::DirectorySeparatorChar -ceq '\'
}

# PROGID: a COM object, for what Windows offers through automation only.
function pw_sys_com($progid) {
    $type = [Type]::GetTypeFromProgID($progid)
    if ($null -eq $type) { throw "this host has no COM class ``$progid``" }
    return [Activator]::CreateInstance($type)
}

# OBJECT NAME TEXT: sets a text of a COM object. An empty one goes as no text at all (a null BSTR), which `''` is not, and
# which is what clears a property.
function pw_sys_com_text($object, $name, $text) {
    $value = $text
    if ($text -ceq '') { $value = [Runtime.InteropServices.BStrWrapper]::new([NullString]::Value) }
    $set = [Reflection.BindingFlags]::SetProperty
    [void]$object.GetType().InvokeMember($name, $set, $null, $object, [object[]]@($value))
}

# NAME: an assembly that is not loaded from the start, by its simple name.
function pw_sys_assembly($name) {
    if ($null -eq [Reflection.Assembly]::LoadWithPartialName($name)) {
        throw "this host has no .NET assembly ``$name``"
    }
}

# PATH: a folder that nobody but SYSTEM, the administrators and this user may enter, with all folders above it that are
# missing. The list is protected: nothing is inherited.
function pw_sys_private_folder($path) {
    if (-not (pw_sys_windows)) {
        [void][IO.Directory]::CreateDirectory($path)
        return
    }
    $user = [Security.Principal.WindowsIdentity]::GetCurrent().User.Value
    $security = [Security.AccessControl.DirectorySecurity]::new()
    $security.SetSecurityDescriptorSddlForm(
        "D:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;$user)")
    if ($PSVersionTable.PSVersion.Major -lt 6) {
        [void][IO.Directory]::CreateDirectory($path, $security)
    } else {
        [void][IO.FileSystemAclExtensions]::CreateDirectory($security, $path)
    }
}

# PATH: whether a file or folder belongs to this user, SYSTEM or the administrators, and is no link.
function pw_sys_ours($path) {
    if (-not (pw_sys_windows)) { return $true }
    $attributes = [IO.File]::GetAttributes($path)
    if (($attributes -band [IO.FileAttributes]::ReparsePoint) -ne 0) { return $false }
    $owner = (pw_sys_security $path 'Owner').GetOwner([Security.Principal.SecurityIdentifier]).Value
    $user = [Security.Principal.WindowsIdentity]::GetCurrent().User.Value
    return @('S-1-5-18', 'S-1-5-32-544', $user) -ccontains $owner
}

# PATH SECTIONS: the security object of a file or folder.
function pw_sys_security($path, $sections) {
    $wanted = [Security.AccessControl.AccessControlSections]$sections
    if ([IO.Directory]::Exists($path)) {
        return [Security.AccessControl.DirectorySecurity]::new($path, $wanted)
    }
    return [Security.AccessControl.FileSecurity]::new($path, $wanted)
}

# PATH: owner and access list of a file or folder in SDDL; empty where there is no such thing.
function pw_sys_sddl($path) {
    if (-not (pw_sys_windows)) { return '' }
    $wanted = [Security.AccessControl.AccessControlSections]'Owner, Access'
    return (pw_sys_security $path 'Owner, Access').GetSecurityDescriptorSddlForm($wanted)
}

# PATH SDDL: gives it back. The owner is set only where it differs: that needs a right of its own.
function pw_sys_set_sddl($path, $sddl) {
    if ($sddl -ceq '' -or $sddl -ceq (pw_sys_sddl $path)) { return }
    $folder = [IO.Directory]::Exists($path)
    if ($folder) {
        $security = [Security.AccessControl.DirectorySecurity]::new()
        $info = [IO.DirectoryInfo]::new($path)
    } else {
        $security = [Security.AccessControl.FileSecurity]::new()
        $info = [IO.FileInfo]::new($path)
    }
    $security.SetSecurityDescriptorSddlForm($sddl, [Security.AccessControl.AccessControlSections]'Access')
    $old = [Security.AccessControl.RawSecurityDescriptor]::new($sddl).Owner
    $now = (pw_sys_security $path 'Owner').GetOwner([Security.Principal.SecurityIdentifier])
    if ($null -ne $old -and $old.Value -cne $now.Value) { $security.SetOwner($old) }
    if ($PSVersionTable.PSVersion.Major -lt 6) {
        $info.SetAccessControl($security)
    } else {
        [IO.FileSystemAclExtensions]::SetAccessControl($info, $security)
    }
}

# BYTES: sealed for this machine, as applicationHost.config seals its passwords: old secrets in rollback points.
function pw_sys_seal($bytes) {
    if (-not (pw_sys_windows)) { throw 'secrets are sealed on Windows only' }
    if ($PSVersionTable.PSVersion.Major -lt 6) { pw_sys_assembly 'System.Security' }
    $scope = [Security.Cryptography.DataProtectionScope]::LocalMachine
    return , [Security.Cryptography.ProtectedData]::Protect($bytes, $null, $scope)
}

# BYTES: what was sealed.
function pw_sys_unseal($bytes) {
    if ($PSVersionTable.PSVersion.Major -lt 6) { pw_sys_assembly 'System.Security' }
    $scope = [Security.Cryptography.DataProtectionScope]::LocalMachine
    return , [Security.Cryptography.ProtectedData]::Unprotect($bytes, $null, $scope)
}

# NAME: the SID of an account, as text; empty when Windows knows none of that name. A SID stands for itself.
function pw_sys_sid($name) {
    if ($name -match '^S-1-[0-9-]+$') { return $name }
    $account = $name
    if ($account.StartsWith('.\')) { $account = [Environment]::MachineName + $account.Substring(1) }
    try {
        $sid = [Security.Principal.NTAccount]::new($account).Translate([Security.Principal.SecurityIdentifier])
        return $sid.Value
    } catch [Security.Principal.IdentityNotMappedException] {
        return ''
    }
}

# SID: the account of that name, or the SID itself where it has none.
function pw_sys_account($sid) {
    try {
        return [Security.Principal.SecurityIdentifier]::new($sid).Translate([Security.Principal.NTAccount]).Value
    } catch [Security.Principal.IdentityNotMappedException] {
        return $sid
    }
}

# FILE WORDS SECONDS: runs a program of ours to its end, with nothing on its input: its code and what it said. What it
# prints goes nowhere else.
function pw_sys_program($file, $words, $seconds) {
    $code = pl_run ([string[]](@($file) + @($words))) @{ keep = $true; limit = $seconds }
    if (pl_timed_out) { throw "``$file`` did not end within $seconds s and was stopped" }
    return @{ code = $code; text = (pl_kept_out) + (pl_kept_err) }
}
