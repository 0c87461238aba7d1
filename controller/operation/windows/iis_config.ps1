# Any section of the IIS configuration, written to applicationHost.config for a site or application (`location`), so
# that nobody's web.config is touched. The elements of the section's own collection are the list `elements`.

# MANAGER KEY: the section.
function pw_iis_section($manager, $key) {
    $configuration = $manager.GetApplicationHostConfiguration()
    try {
        if ($key['location'] -ceq '') { return $configuration.GetSection($key['section']) }
        return $configuration.GetSection($key['section'], $key['location'])
    } catch {
        throw ('the section `{0}` cannot be read: {1}' -f $key['section'], (pw_reason $_))
    }
}

function pw_read_iis_config($key) {
    $looks = $script:pw_restoring -or (pl_flag $script:pw_call 'check')
    if ($looks -and -not (pw_sys_iis_there)) { return [ordered]@{} }
    $section = pw_iis_section (pw_sys_iis) $key
    $state = [ordered]@{}
    pw_iis_read $section '' $state @()
    if ($null -ne $section.Schema.CollectionSchema) { $state['elements'] = pw_iis_rows ($section.GetCollection()) }
    return $state
}

function pw_clean_iis_config($name, $values) {
    pw_iis_clean $name $values
}

function pw_write_iis_config($key, $state, $before) {
    if ($null -eq $state) { throw 'a section of the configuration cannot be removed' }
    $manager = pw_sys_iis
    $section = pw_iis_section $manager $key
    foreach ($attribute in $state.Keys) {
        if ($attribute -ceq 'elements') {
            pw_iis_set_rows ($section.GetCollection()) $state[$attribute]
        } else {
            pw_iis_set $section $attribute $state[$attribute]
        }
    }
    $manager.CommitChanges()
}

# The modules that IIS knows globally, by name: whether ASP.NET Core's module is there.
function pw_read_iis_module($key) {
    $section = pw_iis_section (pw_sys_iis) @{ section = 'system.webServer/globalModules'; location = '' }
    foreach ($element in $section.GetCollection()) {
        if ($element.GetAttributeValue('name') -eq $key['name']) {
            $state = [ordered]@{}
            $state['.image'] = [string[]]@([string]$element.GetAttributeValue('image'))
            return $state
        }
    }
    return $null
}
