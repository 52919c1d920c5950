/* SPDX-License-Identifier: MIT
 * The wish to stop: set once by a program's handler of SIGINT, looked at by what takes long (chains between
 * two iterations, the wait for a compiler). A library cannot know better; it is never reset. */
#ifndef BOREL_CORE_INTERRUPT_H
#define BOREL_CORE_INTERRUPT_H

/* [signal handlers, any thread] */
void borel_interrupt(void);
int borel_interrupted(void);

#endif
