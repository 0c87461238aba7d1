# What an audit reads of an agent. Nothing is changed.

# audit folder limit [pool] [site]: the settings files of the agent in FOLDER, each with at most LIMIT bytes: `file NUMBER
# PATH` with the bytes `file.NUMBER`, or `unread NUMBER WHY`; its programs, its site and pool, and variables of the
# machine that may be settings. `state` is `absent` where no agent is. What cannot be read leaves out its own part only.
function pw_audit($a) {
    $folder = pw_path (pl_arg $a 'folder')
    [void](pl_v 'path' $folder)
    $runtime = [IO.Path]::Combine($folder, 'Runtime')
    if (-not [IO.Directory]::Exists($runtime)) {
        [void](pl_v 'state' 'absent')
        return 0
    }
    [void](pl_v 'state' 'directory')
    $number = 0
    try {
        foreach ($path in (pw_audit_paths $folder $runtime)) {
            $number = $number + 1
            pw_audit_file $number $path ([long](pl_arg $a 'limit'))
        }
    } catch {
        $number = $number + 1
        [void](pl_v 'file' "$number $runtime")
        [void](pl_v 'unread' ("$number " + (pw_reason $_)))
    }
    foreach ($part in 'programs', 'variables', 'site') {
        try { [void](& ('pw_audit_' + $part) $a $runtime) }
        catch { [void](pl_v 'missing' ($part + ' ' + (pw_reason $_))) }
    }
    return 0
}

# FOLDER RUNTIME: the files that are there, and not more than anybody has.
function pw_audit_paths($folder, $runtime) {
    $found = [Collections.Generic.List[string]]::new()
    foreach ($pattern in 'web.config', 'appsettings*.json') {
        foreach ($path in [IO.Directory]::GetFiles($runtime, $pattern)) { $found.Add($path) }
    }
    $made = [IO.Path]::Combine($folder, 'Work', 'appsettings.connection.json')
    if ([IO.File]::Exists($made)) { $found.Add($made) }
    if ($found.Count -gt 40) { throw 'there are too many files of settings' }
    return , $found.ToArray()
}

function pw_audit_file($number, $path, $limit) {
    [void](pl_v 'file' "$number $path")
    try {
        $share = [IO.FileShare]'ReadWrite, Delete'
        $stream = [IO.FileStream]::new($path, [IO.FileMode]::Open, [IO.FileAccess]::Read, $share, 65536)
        try { $bytes = pw_read_whole $stream $limit $path } finally { $stream.Dispose() }
        [void](pl_b "file.$number" $bytes)
    } catch {
        [void](pl_v 'unread' ("$number " + (pw_reason $_)))
    }
}

# `program NUMBER NAME` and `version NUMBER TEXT`: the version that stands in the file.
function pw_audit_programs($a, $runtime) {
    $number = 0
    foreach ($path in [IO.Directory]::GetFiles($runtime, '*-Agent.dll')) {
        $number = $number + 1
        if ($number -gt 20) { return }
        [void](pl_v 'program' ("$number " + [IO.Path]::GetFileName($path)))
        $version = pw_sys_file_version $path
        if ($version -cne '') { [void](pl_v 'version' "$number $version") }
    }
}

# PATH: the four numbers of its version; empty where it has none.
function pw_sys_file_version($path) {
    $info = [Diagnostics.FileVersionInfo]::GetVersionInfo($path)
    if ($null -eq $info.FileVersion) { return '' }
    return '{0}.{1}.{2}.{3}' -f $info.FileMajorPart, $info.FileMinorPart, $info.FileBuildPart, $info.FilePrivatePart
}

# `variable NUMBER NAME` with its value as the bytes `variable.NUMBER`: it may be a secret.
function pw_audit_variables($a, $runtime) {
    $others = 'ASPNETCORE_ENVIRONMENT', 'DOTNET_ENVIRONMENT', 'HTTPS_PROXY', 'NO_PROXY', 'CyberArk'
    $variables = [Environment]::GetEnvironmentVariables('Machine')
    $number = 0
    foreach ($name in $variables.Keys) {
        $section = ([string]$name).Split([string[]]@('__', ':'), [StringSplitOptions]::None)[0]
        if (-not ((pw_preflight_sections) -contains $section -or $others -contains $section)) { continue }
        $number = $number + 1
        if ($number -gt 200) { return }
        [void](pl_v 'variable' "$number $name")
        [void](pl_b "variable.$number" ([Text.Encoding]::UTF8.GetBytes([string]$variables[$name])))
    }
}

# The site whose root is the folder of the program, else the one of the name that was given; its pool, and what both are at.
function pw_audit_site($a, $runtime) {
    if (-not (pw_sys_iis_there)) { return }
    $manager = pw_sys_iis
    $site = pw_audit_site_of $manager $runtime
    $wanted = pl_arg $a 'site'
    if ($null -eq $site -and $null -ne $wanted) {
        $site = $manager.Sites[$wanted]
        if ($null -eq $site) {
            [void](pl_v 'site' $wanted)
            [void](pl_v 'site_state' 'missing')
        }
    }
    $pool = pl_arg $a 'pool'
    if ($null -ne $site) {
        [void](pl_v 'site' $site.Name)
        [void](pl_v 'site_state' (pw_iis_state $site))
        foreach ($row in (pw_iis_binding_rows $site)) { [void](pl_v 'binding' $row) }
        $root = $site.Applications['/']
        if ($null -ne $root) { $pool = $root.ApplicationPoolName }
    }
    if ($null -ne $pool) { pw_audit_pool $manager $pool }
}

# MANAGER RUNTIME: the site that has the folder as its root, or $null.
function pw_audit_site_of($manager, $runtime) {
    $wanted = pw_iis_clean 'physicalPath' @($runtime)
    foreach ($site in $manager.Sites) {
        $root = $site.Applications['/']
        if ($null -eq $root) { continue }
        $folder = $root.VirtualDirectories['/']
        if ($null -eq $folder) { continue }
        if ((pw_iis_clean 'physicalPath' @([string]$folder.PhysicalPath)) -ceq $wanted) { return $site }
    }
    return $null
}

# MANAGER NAME: the state of a pool, and the account that it runs as.
function pw_audit_pool($manager, $name) {
    [void](pl_v 'pool' $name)
    $pool = $manager.ApplicationPools[$name]
    if ($null -eq $pool) {
        [void](pl_v 'pool_state' 'missing')
        return
    }
    [void](pl_v 'pool_state' (pw_iis_state $pool))
    $model = $pool.GetChildElement('processModel')
    $type = pw_iis_text (pw_iis_schema $model.Schema.AttributeSchemas 'identityType') $model.GetAttributeValue('identityType')
    $identity = 'IIS AppPool\' + $name
    switch -CaseSensitive ($type) {
        'LocalSystem' { $identity = 'S-1-5-18' }
        'LocalService' { $identity = 'S-1-5-19' }
        'NetworkService' { $identity = 'S-1-5-20' }
        'SpecificUser' { $identity = [string]$model.GetAttributeValue('userName') }
    }
    [void](pl_v 'identity' $identity)
}
