# SPDX-License-Identifier: BSD-2-Clause
#
# Completion for udmar(1). Options are asked from the program itself: each command's --help lists
# them, one to a line.
_udmar_options()
{
    "$1" "$2" --help 2>/dev/null | grep -oE '^ +(-[a-zA-Z], )?--[a-z-]+=?' | grep -oE -- '--[a-z-]+=?'
}

_udmar()
{
    local program=${COMP_WORDS[0]} commands='table unit explain watch walk dump help'
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    local command=${COMP_WORDS[1]-}

    COMPREPLY=()
    # "--color=al" comes as three words.
    if [ "$current" = '=' ]; then
        current=
    elif [ "$previous" = '=' ]; then
        previous=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    if [ "$COMP_CWORD" -eq 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W "$commands --help --version" -- "$current")
        return
    fi
    if [ "$command" = help ]; then
        mapfile -t COMPREPLY < <(compgen -W "${commands% help}" -- "$current")
        return
    fi
    case $previous in
    --color)
        mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "$current")
        return
        ;;
    --sysfs)
        mapfile -t COMPREPLY < <(compgen -d -- "$current")
        return
        ;;
    esac
    if [[ $current == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_udmar_options "$program" "$command")" -- "$current")
        # An option that wants a value gets no blank behind its "=".
        if [ "${#COMPREPLY[@]}" -eq 1 ] && [[ ${COMPREPLY[0]} == *= ]]; then
            compopt -o nospace
        fi
        return
    fi
    compopt -o filenames
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
}

complete -F _udmar udmar
