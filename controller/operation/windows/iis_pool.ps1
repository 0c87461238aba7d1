# Application pools of IIS, with the attributes that applicationHost.config has
# (learn.microsoft.com/iis/configuration/system.applicationhost/applicationpools/add), and `state`.

$script:pw_pool_skip = @('name', 'state', 'workerProcesses')

function pw_read_pool($key) {
    $pool = pw_iis_find 'pool' $key['name']
    if ($null -eq $pool) { return $null }
    $state = [ordered]@{}
    pw_iis_read $pool '' $state $script:pw_pool_skip
    $state['state'] = [string[]]@(pw_iis_state $pool)
    return $state
}

function pw_clean_pool($name, $values) {
    pw_iis_clean $name $values
}

function pw_secrets_pool($key) {
    $secrets = [ordered]@{}
    $pool = pw_iis_find 'pool' $key['name']
    $secrets['processModel.password'] = [string]$pool.ProcessModel.GetAttributeValue('password')
    return $secrets
}

function pw_write_pool($key, $state, $before) {
    $name = $key['name']
    $manager = pw_sys_iis
    $pool = $manager.ApplicationPools[$name]
    if ($null -eq $state) {
        $manager.ApplicationPools.Remove($pool)
        $manager.CommitChanges()
        return
    }
    $commit = $false
    if ($null -eq $pool) {
        $pool = $manager.ApplicationPools.Add($name)
        $commit = $true
    }
    foreach ($attribute in $state.Keys) {
        if ($attribute -ceq 'state') { continue }
        $path = $attribute
        if ($path.StartsWith('secret.')) { $path = $path.Substring(7) }
        pw_iis_set $pool $path $state[$attribute]
        $commit = $true
    }
    if ($commit) { $manager.CommitChanges() }
    if ($state.Contains('state')) { pw_iis_bring 'pool' $name $state['state'][0] }
}

# `restart` stops and starts it; `recycle` has a new worker process take over.
function pw_activate_pool($key, $action) {
    if ($action -ceq 'recycle') {
        [void](pw_iis_find 'pool' $key['name']).Recycle()
        return
    }
    pw_iis_bring 'pool' $key['name'] 'stopped'
    pw_iis_bring 'pool' $key['name'] 'started'
}
