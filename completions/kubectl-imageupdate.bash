# Completion of kubectl-imageupdate for bash: source <(kubectl-imageupdate completion bash)

__kubectl_imageupdate_complete() {
    local line=${COMP_LINE:0:COMP_POINT} rest index word last
    local -a words=()
    # Bash also breaks words at '=' and ':'. What stands together is put together again.
    for ((index = 0; index <= COMP_CWORD; index++)); do
        rest=${line#"${line%%[![:space:]]*}"}
        word=${COMP_WORDS[index]}
        if ((index == COMP_CWORD)); then
            word=$rest
        fi
        if ((index == 0)) || [[ $rest != "$line" || -z $line ]]; then
            words+=("$word")
        else
            last=$((${#words[@]} - 1))
            words[last]+=$word
        fi
        line=${rest#"$word"}
    done

    local current=${words[${#words[@]} - 1]} directive=0 answer value
    local -a candidates=()
    while IFS= read -r answer; do
        if [[ $answer =~ ^:([0-9]+)$ ]]; then
            directive=${BASH_REMATCH[1]}
        else
            candidates+=("${answer%%$'\t'*}")
        fi
    done < <("${words[0]/#\~/$HOME}" __completeNoDesc "${words[@]:1}" 2>/dev/null)

    # The value behind --flag= is offered alone; bash replaces only what follows the last break.
    local typed=$current prefix=""
    if [[ $current == --*=* ]]; then
        typed=${current#*=}
        [[ $COMP_WORDBREAKS == *=* ]] || prefix=${current%%=*}=
    fi
    local cut=""
    if [[ $COMP_WORDBREAKS == *:* && $typed == *:* ]]; then
        cut=${typed%"${typed##*:}"}
    fi

    COMPREPLY=()
    for value in "${candidates[@]}"; do
        if [[ $value == "$typed"* ]]; then
            value=$prefix${value#"$cut"}
            COMPREPLY+=("$(printf '%q' "$value")")
        fi
    done
    if type compopt >/dev/null 2>&1; then
        if ((directive & 2)); then
            compopt -o nospace
        fi
        if ((${#COMPREPLY[@]} == 0)); then
            if ((directive & 16)); then
                compopt -o dirnames
            elif ((!(directive & 4))); then
                compopt -o default
            fi
        fi
    fi
}

complete -F __kubectl_imageupdate_complete kubectl-imageupdate
