# Completion of kubectl-imageupdate for fish: kubectl-imageupdate completion fish | source

function __kubectl_imageupdate_complete
    set -l typed (commandline -opc)
    set -l current (commandline -ct)
    set -l program $typed[1]
    set -e typed[1]
    # The value behind --flag= is answered alone; fish wants the whole word.
    set -l prefix (string match -r -- '^--[^=]*=' $current)
    set -l directive 0
    set -l count 0
    for line in (eval (string escape -- $program) __complete (string escape -- $typed $current) 2>/dev/null)
        if string match -qr '^:\d+$' -- $line
            set directive (string sub -s 2 -- $line)
        else
            set count (math $count + 1)
            printf '%s%s\n' "$prefix" $line
        end
    end
    if test $count -eq 0
        set -l value (string replace -r -- '^--[^=]*=' '' $current)
        if test (math "bitand($directive, 16)") -ne 0
            for path in (__fish_complete_directories $value)
                printf '%s%s\n' "$prefix" $path
            end
        else if test (math "bitand($directive, 4)") -eq 0
            for path in (__fish_complete_path $value)
                printf '%s%s\n' "$prefix" $path
            end
        end
    end
end

complete -c kubectl-imageupdate -e
complete -c kubectl-imageupdate -f -a '(__kubectl_imageupdate_complete)'
