function __argusfs_should_offer_completions_for_flags_or_options -a expected_commands
    set -l non_repeating_flags_or_options $argv[2..]
    set -l non_repeating_flags_or_options_absent 0
    set -l positional_index 0
    set -l commands
    __argusfs_parse_tokens
    test "$commands" = "$expected_commands"; and return $non_repeating_flags_or_options_absent
end

function __argusfs_should_offer_completions_for_positional -a expected_commands positional_index_comparison expected_positional_index
    set -l non_repeating_flags_or_options
    set -l non_repeating_flags_or_options_absent 0
    set -l positional_index 0
    set -l commands
    __argusfs_parse_tokens
    test "$commands" = "$expected_commands" -a \( "$positional_index" "$positional_index_comparison" "$expected_positional_index" \)
end

function __argusfs_parse_tokens -S
    set -l unparsed_tokens (__argusfs_tokens -pc)
    switch $unparsed_tokens[1]
    case 'argusfs'
        __argusfs_parse_subcommand 0 'version' 'h/help'
        switch $unparsed_tokens[1]
        case 'init'
            __argusfs_parse_subcommand 0 'realm=' 'key-file=' 'passphrase-file=' 'version' 'h/help'
        case 'unlock'
            __argusfs_parse_subcommand 0 'timeout=' 'realm=' 'key-file=' 'passphrase-file=' 'version' 'h/help'
        case 'lock'
            __argusfs_parse_subcommand 0 'realm=' 'key-file=' 'passphrase-file=' 'version' 'h/help'
        case 'passphrase'
            __argusfs_parse_subcommand 0 'version' 'h/help'
            switch $unparsed_tokens[1]
            case 'change'
                __argusfs_parse_subcommand 0 'new-passphrase-file=' 'realm=' 'key-file=' 'passphrase-file=' 'version' 'h/help'
            end
        case 'recover'
            __argusfs_parse_subcommand 0 'recovery-key-file=' 'realm=' 'key-file=' 'passphrase-file=' 'version' 'h/help'
        case 'realm'
            __argusfs_parse_subcommand 0 'version' 'h/help'
            switch $unparsed_tokens[1]
            case 'backup'
                __argusfs_parse_subcommand 1 'without-capsules' 'realm=' 'key-file=' 'passphrase-file=' 'version' 'h/help'
            case 'restore'
                __argusfs_parse_subcommand 1 'recovery-key-file=' 'storage=+' 'realm=' 'key-file=' 'passphrase-file=' 'version' 'h/help'
            end
        case 'folder'
            __argusfs_parse_subcommand 0 'version' 'h/help'
            switch $unparsed_tokens[1]
            case 'create'
                __argusfs_parse_subcommand 1 'member=+' 'storage=' 'realm=' 'key-file=' 'passphrase-file=' 'version' 'h/help'
            case 'list'
                __argusfs_parse_subcommand 0 'json' 'realm=' 'key-file=' 'passphrase-file=' 'version' 'h/help'
            case 'show'
                __argusfs_parse_subcommand 1 'json' 'realm=' 'key-file=' 'passphrase-file=' 'version' 'h/help'
            case 'delete'
                __argusfs_parse_subcommand 1 'realm=' 'key-file=' 'passphrase-file=' 'version' 'h/help'
            case 'grant'
                __argusfs_parse_subcommand 1 'member=+' 'realm=' 'key-file=' 'passphrase-file=' 'version' 'h/help'
            case 'revoke'
                __argusfs_parse_subcommand 1 'member=+' 'realm=' 'key-file=' 'passphrase-file=' 'version' 'h/help'
            case 'set'
                __argusfs_parse_subcommand -r 2 'realm=' 'key-file=' 'passphrase-file=' 'version' 'h/help'
            case 'rotate-key'
                __argusfs_parse_subcommand 1 'realm=' 'key-file=' 'passphrase-file=' 'version' 'h/help'
            end
        case 'move'
            __argusfs_parse_subcommand 2 'realm=' 'key-file=' 'passphrase-file=' 'version' 'h/help'
        case 'index'
            __argusfs_parse_subcommand 0 'version' 'h/help'
            switch $unparsed_tokens[1]
            case 'ls'
                __argusfs_parse_subcommand 2 'json' 'realm=' 'key-file=' 'passphrase-file=' 'version' 'h/help'
            end
        case 'check'
            __argusfs_parse_subcommand 1 'repair' 'accept' 'json' 'realm=' 'key-file=' 'passphrase-file=' 'version' 'h/help'
        case 'person'
            __argusfs_parse_subcommand 0 'version' 'h/help'
            switch $unparsed_tokens[1]
            case 'list'
                __argusfs_parse_subcommand 0 'json' 'realm=' 'key-file=' 'passphrase-file=' 'version' 'h/help'
            case 'add'
                __argusfs_parse_subcommand 1 'realm=' 'key-file=' 'passphrase-file=' 'version' 'h/help'
            case 'revoke'
                __argusfs_parse_subcommand 1 'all' 'realm=' 'key-file=' 'passphrase-file=' 'version' 'h/help'
            end
        case 'why'
            __argusfs_parse_subcommand 2 'person=' 'right=' 'program=' 'json' 'realm=' 'key-file=' 'passphrase-file=' 'version' 'h/help'
        case 'journal'
            __argusfs_parse_subcommand 0 'version' 'h/help'
            switch $unparsed_tokens[1]
            case 'show'
                __argusfs_parse_subcommand 0 'folder=' 'person=+' 'program=' 'activity=+' 'path=' 'since=' 'until=' 'json' 'realm=' 'key-file=' 'passphrase-file=' 'version' 'h/help'
            case 'tail'
                __argusfs_parse_subcommand 0 'f/follow' 'n/lines=' 'folder=' 'person=+' 'program=' 'activity=+' 'path=' 'since=' 'until=' 'json' 'realm=' 'key-file=' 'passphrase-file=' 'version' 'h/help'
            case 'verify'
                __argusfs_parse_subcommand 0 'folder=' 'head=+' 'json' 'realm=' 'key-file=' 'passphrase-file=' 'version' 'h/help'
            case 'head'
                __argusfs_parse_subcommand 0 'json' 'realm=' 'key-file=' 'passphrase-file=' 'version' 'h/help'
            case 'export'
                __argusfs_parse_subcommand 0 'folder=' 'person=+' 'program=' 'activity=+' 'path=' 'since=' 'until=' 'json' 'realm=' 'key-file=' 'passphrase-file=' 'version' 'h/help'
            end
        case 'mount'
            __argusfs_parse_subcommand 2 'all' 'o=+' 'foreground' 'realm=' 'key-file=' 'passphrase-file=' 'version' 'h/help'
        case 'umount'
            __argusfs_parse_subcommand 1 'version' 'h/help'
        case 'sync'
            __argusfs_parse_subcommand 1 'version' 'h/help'
        case 'status'
            __argusfs_parse_subcommand 0 'json' 'realm=' 'key-file=' 'passphrase-file=' 'version' 'h/help'
        case 'doctor'
            __argusfs_parse_subcommand 0 'json' 'realm=' 'key-file=' 'passphrase-file=' 'version' 'h/help'
        case 'config'
            __argusfs_parse_subcommand 0 'version' 'h/help'
            switch $unparsed_tokens[1]
            case 'check'
                __argusfs_parse_subcommand 0 'version' 'h/help'
            case 'show'
                __argusfs_parse_subcommand 0 'json' 'version' 'h/help'
            end
        case 'help'
            __argusfs_parse_subcommand -r 1 'version'
        end
    end
end

function __argusfs_tokens
    if test (string split -m 1 -f 1 -- . "$FISH_VERSION") -gt 3
        commandline --tokens-raw $argv
    else
        commandline -o $argv
    end
end

function __argusfs_parse_subcommand -S -a positional_count
    argparse -s r -- $argv
    set -l option_specs $argv[2..]
    set -l is_repeating_positional $_flag_r
    set -el _flag_r
    set -a commands $unparsed_tokens[1]
    set positional_index 0
    while true
        set -e unparsed_tokens[1]
        argparse -sn "$commands" $option_specs -- $unparsed_tokens 2> /dev/null
        set unparsed_tokens $argv
        set positional_index (math $positional_index + 1)
        for non_repeating_flag_or_option in $non_repeating_flags_or_options
            if set -ql "_flag_$(string replace -a - _ -- $non_repeating_flag_or_option)"
                set non_repeating_flags_or_options_absent 1
                break
            end
        end
        test (count $unparsed_tokens) -eq 0 -o \( -z "$is_repeating_positional" -a "$positional_index" -gt "$positional_count" \) && break
    end
end

function __argusfs_complete_directories
    set -l token (commandline -t)
    string match -- '*/' $token
    set -l subdirs $token*/
    printf %s\n $subdirs
end

function __argusfs_custom_completion
    set -x SAP_SHELL fish
    set -x SAP_SHELL_VERSION $FISH_VERSION
    set -l tokens (__argusfs_tokens -p)
    if test -z "$(__argusfs_tokens -t)"
        set -l index (count (__argusfs_tokens -pc))
        set tokens $tokens[..$index] \'\' $tokens[(math $index + 1)..]
    end
    command $tokens[1] $argv $tokens
end

complete -c 'argusfs' -f
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs" version' -l 'version' -d 'Show the version.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_positional "argusfs" -eq 1' -fa 'init' -d 'Make a realm: the keys, folders and members of one organisation or person.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_positional "argusfs" -eq 1' -fa 'unlock' -d 'Open the realm for your later commands, until `lock` or a timeout.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_positional "argusfs" -eq 1' -fa 'lock' -d 'Forget the key that `unlock` left.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_positional "argusfs" -eq 1' -fa 'passphrase' -d 'Change what opens the realm.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_positional "argusfs" -eq 1' -fa 'recover' -d 'Open a realm again whose passphrase or key file is lost.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_positional "argusfs" -eq 1' -fa 'realm' -d 'Keep the realm as a whole, and bring it back.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_positional "argusfs" -eq 1' -fa 'folder' -d 'Make, list, share and delete confidential folders.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_positional "argusfs" -eq 1' -fa 'move' -d 'Move a file or directory into another folder without writing its content anew.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_positional "argusfs" -eq 1' -fa 'index' -d 'Inspect which capsule holds which file.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_positional "argusfs" -eq 1' -fa 'check' -d 'Verify every byte of a folder on storage.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_positional "argusfs" -eq 1' -fa 'person' -d 'List the persons of the realm, take one in, or cut one off.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_positional "argusfs" -eq 1' -fa 'why' -d 'Tell why a person may or may not do something, rule by rule.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_positional "argusfs" -eq 1' -fa 'journal' -d 'Read and verify the record of every open, copy and denial.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_positional "argusfs" -eq 1' -fa 'mount' -d 'Mount a folder, or all of them; returns when it can be used.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_positional "argusfs" -eq 1' -fa 'umount' -d 'Unmount a folder; returns when everything is durable.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_positional "argusfs" -eq 1' -fa 'sync' -d 'Make everything in a mounted folder durable.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_positional "argusfs" -eq 1' -fa 'status' -d 'Show which folders are mounted, where, and by which process.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_positional "argusfs" -eq 1' -fa 'doctor' -d 'Look for what keeps this machine, this user or this realm from working.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_positional "argusfs" -eq 1' -fa 'config' -d 'Look at the configuration of this machine.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_positional "argusfs" -eq 1' -fa 'help' -d 'Show subcommand help information.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs init" realm' -l 'realm' -d 'The realm\'s directory.' -rfa '(__argusfs_complete_directories)'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs init" key-file' -l 'key-file' -d 'Open the realm with this key file.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs init" passphrase-file' -l 'passphrase-file' -d 'Read the passphrase from this file\'s first line.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs init" version' -l 'version' -d 'Show the version.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs init" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs unlock" timeout' -l 'timeout' -d 'Lock again after this time: 90, 15m, 8h, 1h30m.' -rfka ''
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs unlock" realm' -l 'realm' -d 'The realm\'s directory.' -rfa '(__argusfs_complete_directories)'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs unlock" key-file' -l 'key-file' -d 'Open the realm with this key file.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs unlock" passphrase-file' -l 'passphrase-file' -d 'Read the passphrase from this file\'s first line.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs unlock" version' -l 'version' -d 'Show the version.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs unlock" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs lock" realm' -l 'realm' -d 'The realm\'s directory.' -rfa '(__argusfs_complete_directories)'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs lock" key-file' -l 'key-file' -d 'Open the realm with this key file.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs lock" passphrase-file' -l 'passphrase-file' -d 'Read the passphrase from this file\'s first line.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs lock" version' -l 'version' -d 'Show the version.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs lock" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs passphrase" version' -l 'version' -d 'Show the version.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs passphrase" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_positional "argusfs passphrase" -eq 1' -fa 'change' -d 'Give the realm another passphrase.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs passphrase change" new-passphrase-file' -l 'new-passphrase-file' -d 'Read the new passphrase from this file\'s first line.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs passphrase change" realm' -l 'realm' -d 'The realm\'s directory.' -rfa '(__argusfs_complete_directories)'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs passphrase change" key-file' -l 'key-file' -d 'Open the realm with this key file.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs passphrase change" passphrase-file' -l 'passphrase-file' -d 'Read the passphrase from this file\'s first line.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs passphrase change" version' -l 'version' -d 'Show the version.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs passphrase change" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs recover" recovery-key-file' -l 'recovery-key-file' -d 'Read the recovery key from this file\'s first line.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs recover" realm' -l 'realm' -d 'The realm\'s directory.' -rfa '(__argusfs_complete_directories)'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs recover" key-file' -l 'key-file' -d 'Open the realm with this key file.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs recover" passphrase-file' -l 'passphrase-file' -d 'Read the passphrase from this file\'s first line.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs recover" version' -l 'version' -d 'Show the version.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs recover" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs realm" version' -l 'version' -d 'Show the version.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs realm" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_positional "argusfs realm" -eq 1' -fa 'backup' -d 'Write everything that the realm holds to one file.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_positional "argusfs realm" -eq 1' -fa 'restore' -d 'Make the realm anew from a backup.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_positional "argusfs realm backup" -eq 1' -F
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs realm backup" without-capsules' -l 'without-capsules' -d 'Leave out the capsules of folders that have their storage in the realm.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs realm backup" realm' -l 'realm' -d 'The realm\'s directory.' -rfa '(__argusfs_complete_directories)'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs realm backup" key-file' -l 'key-file' -d 'Open the realm with this key file.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs realm backup" passphrase-file' -l 'passphrase-file' -d 'Read the passphrase from this file\'s first line.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs realm backup" version' -l 'version' -d 'Show the version.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs realm backup" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_positional "argusfs realm restore" -eq 1' -F
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs realm restore" recovery-key-file' -l 'recovery-key-file' -d 'Open it with the recovery key on this file\'s first line.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs realm restore"' -l 'storage' -d 'The directory that a folder\'s storage outside the realm lies in now; once for each such folder.' -rfka ''
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs realm restore" realm' -l 'realm' -d 'The realm\'s directory.' -rfa '(__argusfs_complete_directories)'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs realm restore" key-file' -l 'key-file' -d 'Open the realm with this key file.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs realm restore" passphrase-file' -l 'passphrase-file' -d 'Read the passphrase from this file\'s first line.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs realm restore" version' -l 'version' -d 'Show the version.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs realm restore" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs folder" version' -l 'version' -d 'Show the version.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs folder" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_positional "argusfs folder" -eq 1' -fa 'create' -d 'Make a folder.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_positional "argusfs folder" -eq 1' -fa 'list' -d 'List the folders of the realm.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_positional "argusfs folder" -eq 1' -fa 'show' -d 'Show a folder\'s members, storage and key.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_positional "argusfs folder" -eq 1' -fa 'delete' -d 'Delete a folder with everything in it.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_positional "argusfs folder" -eq 1' -fa 'grant' -d 'Make someone a member, or set a member\'s rights.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_positional "argusfs folder" -eq 1' -fa 'revoke' -d 'Take rights from a member, or the membership.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_positional "argusfs folder" -eq 1' -fa 'set' -d 'Change settings of a folder.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_positional "argusfs folder" -eq 1' -fa 'rotate-key' -d 'Give a folder a new key.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs folder create"' -l 'member' -d 'Share it with a member.' -rfka ''
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs folder create" storage' -l 'storage' -d 'Where its capsules lie; inside the realm unless said.' -rfa '(__argusfs_complete_directories)'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs folder create" realm' -l 'realm' -d 'The realm\'s directory.' -rfa '(__argusfs_complete_directories)'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs folder create" key-file' -l 'key-file' -d 'Open the realm with this key file.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs folder create" passphrase-file' -l 'passphrase-file' -d 'Read the passphrase from this file\'s first line.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs folder create" version' -l 'version' -d 'Show the version.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs folder create" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs folder list" json' -l 'json' -d 'Print JSON for programs instead of a table.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs folder list" realm' -l 'realm' -d 'The realm\'s directory.' -rfa '(__argusfs_complete_directories)'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs folder list" key-file' -l 'key-file' -d 'Open the realm with this key file.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs folder list" passphrase-file' -l 'passphrase-file' -d 'Read the passphrase from this file\'s first line.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs folder list" version' -l 'version' -d 'Show the version.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs folder list" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs folder show" json' -l 'json' -d 'Print JSON for programs instead of a table.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs folder show" realm' -l 'realm' -d 'The realm\'s directory.' -rfa '(__argusfs_complete_directories)'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs folder show" key-file' -l 'key-file' -d 'Open the realm with this key file.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs folder show" passphrase-file' -l 'passphrase-file' -d 'Read the passphrase from this file\'s first line.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs folder show" version' -l 'version' -d 'Show the version.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs folder show" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs folder delete" realm' -l 'realm' -d 'The realm\'s directory.' -rfa '(__argusfs_complete_directories)'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs folder delete" key-file' -l 'key-file' -d 'Open the realm with this key file.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs folder delete" passphrase-file' -l 'passphrase-file' -d 'Read the passphrase from this file\'s first line.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs folder delete" version' -l 'version' -d 'Show the version.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs folder delete" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs folder grant"' -l 'member' -d 'Who, and what they may do.' -rfka ''
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs folder grant" realm' -l 'realm' -d 'The realm\'s directory.' -rfa '(__argusfs_complete_directories)'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs folder grant" key-file' -l 'key-file' -d 'Open the realm with this key file.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs folder grant" passphrase-file' -l 'passphrase-file' -d 'Read the passphrase from this file\'s first line.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs folder grant" version' -l 'version' -d 'Show the version.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs folder grant" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs folder revoke"' -l 'member' -d 'Who, and which rights.' -rfka ''
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs folder revoke" realm' -l 'realm' -d 'The realm\'s directory.' -rfa '(__argusfs_complete_directories)'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs folder revoke" key-file' -l 'key-file' -d 'Open the realm with this key file.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs folder revoke" passphrase-file' -l 'passphrase-file' -d 'Read the passphrase from this file\'s first line.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs folder revoke" version' -l 'version' -d 'Show the version.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs folder revoke" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs folder set" realm' -l 'realm' -d 'The realm\'s directory.' -rfa '(__argusfs_complete_directories)'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs folder set" key-file' -l 'key-file' -d 'Open the realm with this key file.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs folder set" passphrase-file' -l 'passphrase-file' -d 'Read the passphrase from this file\'s first line.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs folder set" version' -l 'version' -d 'Show the version.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs folder set" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs folder rotate-key" realm' -l 'realm' -d 'The realm\'s directory.' -rfa '(__argusfs_complete_directories)'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs folder rotate-key" key-file' -l 'key-file' -d 'Open the realm with this key file.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs folder rotate-key" passphrase-file' -l 'passphrase-file' -d 'Read the passphrase from this file\'s first line.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs folder rotate-key" version' -l 'version' -d 'Show the version.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs folder rotate-key" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs move" realm' -l 'realm' -d 'The realm\'s directory.' -rfa '(__argusfs_complete_directories)'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs move" key-file' -l 'key-file' -d 'Open the realm with this key file.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs move" passphrase-file' -l 'passphrase-file' -d 'Read the passphrase from this file\'s first line.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs move" version' -l 'version' -d 'Show the version.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs move" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs index" version' -l 'version' -d 'Show the version.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs index" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_positional "argusfs index" -eq 1' -fa 'ls' -d 'List a folder\'s whole subtree with each file\'s capsule, owner, protection and key.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs index ls" json' -l 'json' -d 'Print JSON for programs instead of a table.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs index ls" realm' -l 'realm' -d 'The realm\'s directory.' -rfa '(__argusfs_complete_directories)'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs index ls" key-file' -l 'key-file' -d 'Open the realm with this key file.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs index ls" passphrase-file' -l 'passphrase-file' -d 'Read the passphrase from this file\'s first line.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs index ls" version' -l 'version' -d 'Show the version.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs index ls" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs check" repair' -l 'repair' -d 'Repair what can be repaired without losing anything that is still readable.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs check" accept' -l 'accept' -d 'Take an index that was put back to an older state for the newest, and record that: where nothing newer is left.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs check" json' -l 'json' -d 'Print JSON for programs instead of a table.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs check" realm' -l 'realm' -d 'The realm\'s directory.' -rfa '(__argusfs_complete_directories)'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs check" key-file' -l 'key-file' -d 'Open the realm with this key file.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs check" passphrase-file' -l 'passphrase-file' -d 'Read the passphrase from this file\'s first line.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs check" version' -l 'version' -d 'Show the version.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs check" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs person" version' -l 'version' -d 'Show the version.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs person" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_positional "argusfs person" -eq 1' -fa 'list' -d 'List the persons of the realm and the folders that name them.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_positional "argusfs person" -eq 1' -fa 'add' -d 'Take an account in as a person.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_positional "argusfs person" -eq 1' -fa 'revoke' -d 'Cut a person off from every folder, files that are open included.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs person list" json' -l 'json' -d 'Print JSON for programs instead of a table.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs person list" realm' -l 'realm' -d 'The realm\'s directory.' -rfa '(__argusfs_complete_directories)'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs person list" key-file' -l 'key-file' -d 'Open the realm with this key file.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs person list" passphrase-file' -l 'passphrase-file' -d 'Read the passphrase from this file\'s first line.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs person list" version' -l 'version' -d 'Show the version.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs person list" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs person add" realm' -l 'realm' -d 'The realm\'s directory.' -rfa '(__argusfs_complete_directories)'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs person add" key-file' -l 'key-file' -d 'Open the realm with this key file.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs person add" passphrase-file' -l 'passphrase-file' -d 'Read the passphrase from this file\'s first line.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs person add" version' -l 'version' -d 'Show the version.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs person add" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs person revoke" all' -l 'all' -d 'From the whole realm: says that this is meant.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs person revoke" realm' -l 'realm' -d 'The realm\'s directory.' -rfa '(__argusfs_complete_directories)'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs person revoke" key-file' -l 'key-file' -d 'Open the realm with this key file.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs person revoke" passphrase-file' -l 'passphrase-file' -d 'Read the passphrase from this file\'s first line.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs person revoke" version' -l 'version' -d 'Show the version.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs person revoke" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs why" person' -l 'person' -d 'The account of the person.' -rfka ''
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs why" right' -l 'right' -d 'list, read, write, delete, export or manage.' -rfka ''
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs why" program' -l 'program' -d 'With this program.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs why" json' -l 'json' -d 'Print JSON for programs instead of a table.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs why" realm' -l 'realm' -d 'The realm\'s directory.' -rfa '(__argusfs_complete_directories)'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs why" key-file' -l 'key-file' -d 'Open the realm with this key file.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs why" passphrase-file' -l 'passphrase-file' -d 'Read the passphrase from this file\'s first line.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs why" version' -l 'version' -d 'Show the version.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs why" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal" version' -l 'version' -d 'Show the version.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_positional "argusfs journal" -eq 1' -fa 'show' -d 'Show records, oldest first.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_positional "argusfs journal" -eq 1' -fa 'tail' -d 'Show the newest records, and with -f those to come.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_positional "argusfs journal" -eq 1' -fa 'verify' -d 'Verify that nothing was changed, removed, inserted or cut.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_positional "argusfs journal" -eq 1' -fa 'head' -d 'Print one line that stands for the whole journal, to be kept elsewhere.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_positional "argusfs journal" -eq 1' -fa 'export' -d 'Write records for other systems: one JSON object a line, with the fields of OCSF.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal show" folder' -l 'folder' -d 'Only records of this folder, by its name or, where it was deleted, its id; - for what was done to the realm itself.' -rfka ''
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal show"' -l 'person' -d 'Only what this account did; repeat it for several.' -rfka ''
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal show" program' -l 'program' -d 'Only by programs whose path, or name, matches a pattern (glob(7)).' -rfka ''
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal show"' -l 'activity' -d 'Only this activity, such as open or denied; repeat it for several.' -rfka ''
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal show" path' -l 'path' -d 'Only paths that match a pattern, such as \'/2026/*\'.' -rfka ''
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal show" since' -l 'since' -d 'Only from this time on: 2026-11-23, 2026-11-23T08:00Z, or as long ago as 90m, 8h, 2d.' -rfka ''
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal show" until' -l 'until' -d 'Only before this time.' -rfka ''
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal show" json' -l 'json' -d 'Print JSON for programs instead of a table.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal show" realm' -l 'realm' -d 'The realm\'s directory.' -rfa '(__argusfs_complete_directories)'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal show" key-file' -l 'key-file' -d 'Open the realm with this key file.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal show" passphrase-file' -l 'passphrase-file' -d 'Read the passphrase from this file\'s first line.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal show" version' -l 'version' -d 'Show the version.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal show" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal tail" f follow' -s 'f' -l 'follow' -d 'Go on with what is recorded from now on.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal tail" lines n' -s 'n' -l 'lines' -d 'How many to begin with.' -rfka ''
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal tail" folder' -l 'folder' -d 'Only records of this folder, by its name or, where it was deleted, its id; - for what was done to the realm itself.' -rfka ''
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal tail"' -l 'person' -d 'Only what this account did; repeat it for several.' -rfka ''
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal tail" program' -l 'program' -d 'Only by programs whose path, or name, matches a pattern (glob(7)).' -rfka ''
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal tail"' -l 'activity' -d 'Only this activity, such as open or denied; repeat it for several.' -rfka ''
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal tail" path' -l 'path' -d 'Only paths that match a pattern, such as \'/2026/*\'.' -rfka ''
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal tail" since' -l 'since' -d 'Only from this time on: 2026-11-23, 2026-11-23T08:00Z, or as long ago as 90m, 8h, 2d.' -rfka ''
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal tail" until' -l 'until' -d 'Only before this time.' -rfka ''
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal tail" json' -l 'json' -d 'Print JSON for programs instead of a table.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal tail" realm' -l 'realm' -d 'The realm\'s directory.' -rfa '(__argusfs_complete_directories)'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal tail" key-file' -l 'key-file' -d 'Open the realm with this key file.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal tail" passphrase-file' -l 'passphrase-file' -d 'Read the passphrase from this file\'s first line.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal tail" version' -l 'version' -d 'Show the version.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal tail" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal verify" folder' -l 'folder' -d 'Only this folder\'s records; - for what was done to the realm itself.' -rfka ''
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal verify"' -l 'head' -d 'A line that `argusfs journal head` printed, or a file with such lines.' -rfka ''
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal verify" json' -l 'json' -d 'Print JSON for programs instead of a table.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal verify" realm' -l 'realm' -d 'The realm\'s directory.' -rfa '(__argusfs_complete_directories)'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal verify" key-file' -l 'key-file' -d 'Open the realm with this key file.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal verify" passphrase-file' -l 'passphrase-file' -d 'Read the passphrase from this file\'s first line.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal verify" version' -l 'version' -d 'Show the version.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal verify" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal head" json' -l 'json' -d 'Print JSON for programs instead of a table.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal head" realm' -l 'realm' -d 'The realm\'s directory.' -rfa '(__argusfs_complete_directories)'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal head" key-file' -l 'key-file' -d 'Open the realm with this key file.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal head" passphrase-file' -l 'passphrase-file' -d 'Read the passphrase from this file\'s first line.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal head" version' -l 'version' -d 'Show the version.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal head" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal export" folder' -l 'folder' -d 'Only records of this folder, by its name or, where it was deleted, its id; - for what was done to the realm itself.' -rfka ''
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal export"' -l 'person' -d 'Only what this account did; repeat it for several.' -rfka ''
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal export" program' -l 'program' -d 'Only by programs whose path, or name, matches a pattern (glob(7)).' -rfka ''
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal export"' -l 'activity' -d 'Only this activity, such as open or denied; repeat it for several.' -rfka ''
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal export" path' -l 'path' -d 'Only paths that match a pattern, such as \'/2026/*\'.' -rfka ''
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal export" since' -l 'since' -d 'Only from this time on: 2026-11-23, 2026-11-23T08:00Z, or as long ago as 90m, 8h, 2d.' -rfka ''
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal export" until' -l 'until' -d 'Only before this time.' -rfka ''
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal export" json' -l 'json' -d 'Print JSON for programs instead of a table.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal export" realm' -l 'realm' -d 'The realm\'s directory.' -rfa '(__argusfs_complete_directories)'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal export" key-file' -l 'key-file' -d 'Open the realm with this key file.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal export" passphrase-file' -l 'passphrase-file' -d 'Read the passphrase from this file\'s first line.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal export" version' -l 'version' -d 'Show the version.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs journal export" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_positional "argusfs mount" -eq 1' -fa '(__argusfs_complete_directories)'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_positional "argusfs mount" -eq 2' -fa '(__argusfs_complete_directories)'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs mount" all' -l 'all' -d 'Mount every folder that you may list, as directories of one mount.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs mount"' -s 'o' -d 'Mount options, separated by commas.' -rfka ''
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs mount" foreground' -l 'foreground' -d 'Serve in this process, until it is unmounted or gets SIGINT or SIGTERM.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs mount" realm' -l 'realm' -d 'The realm\'s directory.' -rfa '(__argusfs_complete_directories)'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs mount" key-file' -l 'key-file' -d 'Open the realm with this key file.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs mount" passphrase-file' -l 'passphrase-file' -d 'Read the passphrase from this file\'s first line.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs mount" version' -l 'version' -d 'Show the version.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs mount" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_positional "argusfs umount" -eq 1' -fa '(__argusfs_complete_directories)'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs umount" version' -l 'version' -d 'Show the version.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs umount" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_positional "argusfs sync" -eq 1' -fa '(__argusfs_complete_directories)'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs sync" version' -l 'version' -d 'Show the version.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs sync" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs status" json' -l 'json' -d 'Print JSON for programs instead of a table.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs status" realm' -l 'realm' -d 'The realm\'s directory.' -rfa '(__argusfs_complete_directories)'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs status" key-file' -l 'key-file' -d 'Open the realm with this key file.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs status" passphrase-file' -l 'passphrase-file' -d 'Read the passphrase from this file\'s first line.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs status" version' -l 'version' -d 'Show the version.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs status" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs doctor" json' -l 'json' -d 'Print JSON for programs instead of a table.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs doctor" realm' -l 'realm' -d 'The realm\'s directory.' -rfa '(__argusfs_complete_directories)'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs doctor" key-file' -l 'key-file' -d 'Open the realm with this key file.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs doctor" passphrase-file' -l 'passphrase-file' -d 'Read the passphrase from this file\'s first line.' -rF
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs doctor" version' -l 'version' -d 'Show the version.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs doctor" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs config" version' -l 'version' -d 'Show the version.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs config" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_positional "argusfs config" -eq 1' -fa 'check' -d 'Check the configuration files; names file, line and what to write instead.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_positional "argusfs config" -eq 1' -fa 'show' -d 'Show the settings in force, and where each comes from.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs config check" version' -l 'version' -d 'Show the version.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs config check" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs config show" json' -l 'json' -d 'Print JSON for programs instead of a table.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs config show" version' -l 'version' -d 'Show the version.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs config show" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'argusfs' -n '__argusfs_should_offer_completions_for_flags_or_options "argusfs help" version' -l 'version' -d 'Show the version.'
