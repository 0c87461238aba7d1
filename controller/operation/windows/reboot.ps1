# Restarting Windows. The step is over as soon as Windows was asked; the controller waits for the next boot.

# message delay check: asks Windows to restart after so many seconds.
function pw_reboot($a) {
    [void](pl_v 'changed' '1')
    [void](pl_v 'boot' (plr_boot))
    if (pl_flag $a 'check') { return 0 }
    $file = [IO.Path]::Combine([Environment]::SystemDirectory, 'shutdown.exe')
    $words = @('/r', '/t', (pl_arg $a 'delay'), '/c', (pl_arg $a 'message'))
    $ended = pw_sys_program $file $words 60
    if ($ended.code -eq 1190) {
# A shutdown is planned already: that one is called off.
        [void](pw_sys_program $file @('/a') 60)
        $ended = pw_sys_program $file $words 60
    }
    if ($ended.code -ne 0 -and $ended.code -ne 1115) {
        return pl_fail ('shutdown.exe failed with {0}: {1}' -f $ended.code, $ended.text.Trim())
    }
    return 0
}
