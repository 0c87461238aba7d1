# Sites of IIS: their attributes in applicationHost.config, and of their root application and folder `applicationPool`,
# `preloadEnabled`, `enabledProtocols` and `physicalPath`. `bindings` and `applications` are whole lists, so that a site
# that was removed can come back with all of them.

$script:pw_site_skip = @('name', 'state', 'bindings', 'ftpServer')
$script:pw_site_root = @('applicationPool', 'preloadEnabled', 'enabledProtocols')

function pw_read_site($key) {
    $site = pw_iis_find 'site' $key['name']
    if ($null -eq $site) { return $null }
    $state = [ordered]@{}
    pw_iis_read $site '' $state $script:pw_site_skip
    $root = $site.Applications['/']
    if ($null -ne $root) {
        foreach ($name in $script:pw_site_root) {
            $schema = pw_iis_schema $root.Schema.AttributeSchemas $name
            $state[$name] = [string[]]@(pw_iis_text $schema $root.GetAttributeValue($name))
        }
        $folder = $root.VirtualDirectories['/']
        if ($null -ne $folder) { $state['physicalPath'] = [string[]]@([string]$folder.PhysicalPath) }
    }
    $state['bindings'] = pw_iis_binding_rows $site
    $state['applications'] = pw_iis_application_rows $site
    $state['state'] = [string[]]@(pw_iis_state $site)
    return $state
}

# SITE: what lies below its root, one row for each virtual directory:
# `application|pool|protocols|preload|directory|path`.
function pw_iis_application_rows($site) {
    $rows = [Collections.Generic.List[string]]::new()
    foreach ($application in $site.Applications) {
        foreach ($folder in $application.VirtualDirectories) {
            if ($application.Path -ceq '/' -and $folder.Path -ceq '/') { continue }
            $preload = ([string][bool]$application.GetAttributeValue('preloadEnabled')).ToLowerInvariant()
            $rows.Add([string]::Join('|', @($application.Path, $application.ApplicationPoolName,
                        $application.EnabledProtocols, $preload, $folder.Path, $folder.PhysicalPath)))
        }
    }
    return , $rows.ToArray()
}

# SITE ROWS: brings back what lay below the root.
function pw_iis_set_applications($site, $rows) {
    foreach ($row in $rows) {
        $parts = $row.Split([char[]]@('|'), 6)
        $application = $site.Applications[$parts[0]]
        if ($null -eq $application) {
            $application = $site.Applications.Add($parts[0], $parts[5])
            $application.ApplicationPoolName = $parts[1]
            $application.EnabledProtocols = $parts[2]
            if ($parts[3] -ceq 'true') { $application.SetAttributeValue('preloadEnabled', $true) }
        }
        $folder = $application.VirtualDirectories[$parts[4]]
        if ($null -eq $folder) {
            [void]$application.VirtualDirectories.Add($parts[4], $parts[5])
        } else {
            $folder.PhysicalPath = $parts[5]
        }
    }
}

function pw_clean_site($name, $values) {
    pw_iis_clean $name $values
}

function pw_write_site($key, $state, $before) {
    $name = $key['name']
    $manager = pw_sys_iis
    $site = $manager.Sites[$name]
    if ($null -eq $state) {
        foreach ($binding in @($site.Bindings)) { pw_iis_binding_remove $manager $site $binding }
        $manager.Sites.Remove($site)
        $manager.CommitChanges()
        return
    }
    pw_iis_folder $state
    $commit = $false
    if ($null -eq $site) {
        if (-not $state.Contains('physicalPath')) { throw "the site ``$name`` is new and needs a physical path" }
        $site = $manager.Sites.Add($name, $state['physicalPath'][0], 80)
        $site.Bindings.Clear()
        $commit = $true
    }
    $root = $site.Applications['/']
    foreach ($attribute in $state.Keys) {
        if ($attribute -ceq 'state') { continue }
        $commit = $true
        if ($attribute -ceq 'bindings') {
            pw_iis_set_bindings $manager $site $state[$attribute]
        } elseif ($attribute -ceq 'applications') {
            pw_iis_set_applications $site $state[$attribute]
        } elseif ($attribute -ceq 'physicalPath') {
            $root.VirtualDirectories['/'].PhysicalPath = $state[$attribute][0]
        } elseif ($script:pw_site_root -ccontains $attribute) {
            pw_iis_set $root $attribute $state[$attribute]
        } else {
            pw_iis_set $site $attribute $state[$attribute]
        }
    }
    if ($commit) { $manager.CommitChanges() }
    if ($state.Contains('state')) { pw_iis_bring 'site' $name $state['state'][0] }
}

function pw_activate_site($key, $action) {
    pw_iis_bring 'site' $key['name'] 'stopped'
    pw_iis_bring 'site' $key['name'] 'started'
}
