"""Runs a command in a pseudo-terminal: in-terminal.py COLUMNS ROWS command args.

What comes on standard input is typed, and what the terminal shows goes to standard output. The exit
code is the command's; 128 + n if signal n ended it. SIGTERM is passed on.
"""
import fcntl, os, pty, select, signal, struct, sys, termios

columns, rows = int(sys.argv[1]), int(sys.argv[2])
pid, master = pty.fork()
if pid == 0:
    # The size is set before the command looks at it.
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    os.execvp(sys.argv[3], sys.argv[3:])
signal.signal(signal.SIGTERM, lambda *_: os.kill(pid, signal.SIGTERM))
sources = [0, master]
while True:
    try:
        ready, _, _ = select.select(sources, [], [])
        if 0 in ready:
            typed = os.read(0, 65536)
            if typed:
                os.write(master, typed)
            else:
                sources.remove(0)
        if master in ready:
            shown = os.read(master, 65536)
            if not shown:
                break
            os.write(1, shown)
    except OSError:
        # The terminal has no more processes.
        break
_, status = os.waitpid(pid, 0)
sys.exit(128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))
