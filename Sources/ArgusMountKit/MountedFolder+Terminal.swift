extension MountedFolder {
    /// Runs `argusfs` on a terminal of its own (pty(7)) without a key file, and types an answer whenever it asks for one
    /// with echo off. The output is what the terminal shows.
    package func terminal(_ arguments: [String], answers: [String]) throws(KitError) -> Finished {
        let script = """
            import os, pty, signal, sys, termios
            count = int(sys.argv[1]); answers = sys.argv[2:2 + count]; command = sys.argv[2 + count:]
            pid, terminal = pty.fork()
            if pid == 0: os.execv(command[0], command)
            signal.alarm(120)
            shown = b""; asked = 0
            while True:
                try: part = os.read(terminal, 4096)
                except OSError: break
                if not part: break
                shown += part
                hidden = not termios.tcgetattr(terminal)[3] & termios.ECHO
                if hidden and answers and shown[asked:].endswith(b": "):
                    asked = len(shown)
                    os.write(terminal, answers.pop(0).encode() + b"\\n")
            sys.stdout.buffer.write(shown)
            sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
            """
        return try Program(
            ["python3", "-c", script, String(answers.count)] + answers + [try program(for: person)] + arguments,
            as: person, environment: environment.merging(answers.isEmpty ? [:] : ["ARGUS_KEY_FILE": ""]) { $1 }
        ).wait()
    }
}
