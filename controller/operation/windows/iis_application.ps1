# Applications and virtual directories of IIS sites.

# SITE PATH: an application in a new picture of the configuration, or $null.
function pw_iis_application($manager, $name, $path) {
    $site = $manager.Sites[$name]
    if ($null -eq $site) { return $null }
    return $site.Applications[$path]
}

function pw_read_app($key) {
    if (-not (pw_sys_iis_there)) { return $null }
    $application = pw_iis_application (pw_sys_iis) $key['site'] $key['path']
    if ($null -eq $application) { return $null }
    $state = [ordered]@{}
    pw_iis_read $application '' $state @('path', 'virtualDirectoryDefaults')
    $folders = [Collections.Generic.List[string]]::new()
    foreach ($folder in $application.VirtualDirectories) {
        if ($folder.Path -ceq '/') {
            $state['physicalPath'] = [string[]]@([string]$folder.PhysicalPath)
        } else {
            $folders.Add($folder.Path + '|' + $folder.PhysicalPath)
        }
    }
    $state['virtualDirectories'] = $folders.ToArray()
    return $state
}

function pw_clean_app($name, $values) {
    pw_iis_clean $name $values
}

function pw_write_app($key, $state, $before) {
    $manager = pw_sys_iis
    $site = $manager.Sites[$key['site']]
    if ($null -eq $site) { throw "there is no site ``$($key['site'])``" }
    $application = $site.Applications[$key['path']]
    if ($null -eq $state) {
        $site.Applications.Remove($application)
        $manager.CommitChanges()
        return
    }
    pw_iis_folder $state
    if ($null -eq $application) {
        if (-not $state.Contains('physicalPath')) {
            throw "the application ``$($key['path'])`` is new and needs a physical path"
        }
        $application = $site.Applications.Add($key['path'], $state['physicalPath'][0])
    }
    foreach ($attribute in $state.Keys) {
        if ($attribute -ceq 'physicalPath') {
            $application.VirtualDirectories['/'].PhysicalPath = $state[$attribute][0]
        } elseif ($attribute -ceq 'virtualDirectories') {
            foreach ($row in $state[$attribute]) {
                $parts = $row.Split([char[]]@('|'), 2)
                if ($null -eq $application.VirtualDirectories[$parts[0]]) {
                    [void]$application.VirtualDirectories.Add($parts[0], $parts[1])
                }
            }
        } else {
            pw_iis_set $application $attribute $state[$attribute]
        }
    }
    $manager.CommitChanges()
}

function pw_read_vdir($key) {
    if (-not (pw_sys_iis_there)) { return $null }
    $application = pw_iis_application (pw_sys_iis) $key['site'] $key['application']
    if ($null -eq $application) { return $null }
    $folder = $application.VirtualDirectories[$key['path']]
    if ($null -eq $folder) { return $null }
    $state = [ordered]@{}
    pw_iis_read $folder '' $state @('path')
    return $state
}

function pw_clean_vdir($name, $values) {
    pw_iis_clean $name $values
}

function pw_secrets_vdir($key) {
    $secrets = [ordered]@{}
    $application = pw_iis_application (pw_sys_iis) $key['site'] $key['application']
    $secrets['password'] = [string]$application.VirtualDirectories[$key['path']].GetAttributeValue('password')
    return $secrets
}

function pw_write_vdir($key, $state, $before) {
    $manager = pw_sys_iis
    $application = pw_iis_application $manager $key['site'] $key['application']
    if ($null -eq $application) {
        throw "there is no application ``$($key['application'])`` in the site ``$($key['site'])``"
    }
    $folder = $application.VirtualDirectories[$key['path']]
    if ($null -eq $state) {
        $application.VirtualDirectories.Remove($folder)
        $manager.CommitChanges()
        return
    }
    pw_iis_folder $state
    if ($null -eq $folder) {
        if (-not $state.Contains('physicalPath')) {
            throw "the virtual directory ``$($key['path'])`` is new and needs a physical path"
        }
        $folder = $application.VirtualDirectories.Add($key['path'], $state['physicalPath'][0])
    }
    foreach ($attribute in $state.Keys) {
        $path = $attribute
        if ($path.StartsWith('secret.')) { $path = $path.Substring(7) }
        pw_iis_set $folder $path $state[$attribute]
    }
    $manager.CommitChanges()
}
