// Package supervise keeps a worker process running, beside a game or alone. It is the parent half of
// hotseat-sidecar: small, so that little can go wrong in it, without a display, a network or an
// encoder, so that nothing of those can take it down. The worker is the same program again.
//
// What holds:
//
//   - A worker that dies, in whatever way, is started again: the first time within a tenth of a
//     second, then with growing pauses, so that what dies at once does not eat the machine.
//   - A worker that hangs, giving no sign that it works, is killed, and so started again.
//   - A worker that says by its exit code that starting again is of no use is not.
//   - No worker outlives its parent: the worker sees the end of its input, and the kernel sends it
//     SIGTERM (PR_SET_PDEATHSIG), and a worker that hangs over both ends itself (Input.Stopped).
//   - Sockets stay with the parent and are lent to each worker, so that whoever connects while there
//     is none waits a moment instead of being refused, and addresses never change.
//   - Settings, which hold secrets, go to the worker through a pipe: not in its arguments, nor in its
//     environment.
//   - The game is started first, gets no signal but the end of the whole, and is waited for, not
//     watched: nothing that happens to the broadcast touches it.
//   - No process of the game outlives the supervisor's orderly end, however it was forked: the
//     supervisor is their subreaper, sends SIGTERM to all of them, and SIGKILL to what stays. A game
//     is over when its first process is; what that leaves running is ended.
package supervise
