"""What holds for every test."""

import signal

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # a shell without job control starts background commands so
    signal.signal(signal.SIGINT, signal.default_int_handler)  # programs that tests start inherit it, and obey Ctrl-C
