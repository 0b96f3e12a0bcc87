#compdef @PROGRAM@
# Completion of @PROGRAM@ for zsh: source <(@PROGRAM@ completion zsh), behind compinit

_@FUNCTION@() {
    local -a typed answers lines
    local line value description directive=0
    typed=("${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}")
    lines=("${(@f)$(command ${(Q)words[1]/#\~/$HOME} __complete "${(@)typed}" 2>/dev/null)}")
    for line in "${(@)lines}"; do
        if [[ $line == :<-> ]]; then
            directive=${line#:}
        elif [[ -n $line ]]; then
            value=${line%%$'\t'*}
            description=${line#*$'\t'}
            if [[ $value == $line ]]; then
                answers+=("${value//:/\\:}")
            else
                answers+=("${value//:/\\:}:$description")
            fi
        fi
    done
    # The value behind --flag= is offered alone.
    compset -P '--*='
    local -a options
    if ((directive & 2)); then
        options=(-S '')
    fi
    if ((${#answers})); then
        _describe -V 'values' answers $options
    elif ((directive & 16)); then
        _files -/
    elif ((!(directive & 4))); then
        _files
    fi
}

# Sourced, the function registers itself; as a file on fpath, zsh runs it.
if [[ $funcstack[1] == _@FUNCTION@ ]]; then
    _@FUNCTION@ "$@"
elif (($+functions[compdef])); then
    compdef _@FUNCTION@ @PROGRAM@
fi
