/* SPDX-License-Identifier: MIT */
#include "validate/examination.h"

#include "core/error.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

void borel_examination_row(const borel_examination *examination, borel_verdict verdict, const char *claim,
                           const char *method, const char *format, ...) {
  borel_findings *findings = examination->findings;
  if (findings->count == BOREL_MAX_ROWS) return;
  borel_validate_row *row = &findings->rows[findings->count];
  row->verdict = verdict;
  snprintf(row->claim, sizeof row->claim, "%s", claim);
  snprintf(row->method, sizeof row->method, "%s", method);
  va_list args;
  va_start(args, format);
  vsnprintf(row->evidence, sizeof row->evidence, format, args);
  va_end(args);
  findings->count++; /* last: a crash leaves no half row */
}

void borel_examination_doing(const borel_examination *examination, const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(examination->findings->doing, sizeof examination->findings->doing, format, args);
  va_end(args);
}

int borel_examination_has(const borel_examination *examination, const char *claim) {
  for (size_t i = 0; i < examination->findings->count; i++)
    if (!strcmp(examination->findings->rows[i].claim, claim)) return 1;
  return 0;
}

static _Noreturn void child(const borel_examination *examination, void (*part)(const borel_examination *),
                            unsigned seconds) {
  struct rlimit time = {seconds, seconds + 1}, core = {0, 0};
  setenv("BOREL_LOG", "off", 1); /* trials are no news to anybody */
  setrlimit(RLIMIT_CPU, &time);
  setrlimit(RLIMIT_CORE, &core);
  static const int deadly[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGXCPU};
  for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++) signal(deadly[i], SIG_DFL);
  part(examination);
  examination->findings->finished = 1;
  _exit(0);
}

borel_status borel_examine_apart(const borel_examination *examination,
                                 void (*part)(const borel_examination *), unsigned seconds,
                                 borel_error *error) {
  borel_examination_doing(examination, "its start");
  examination->findings->finished = 0;
  pid_t pid = fork();
  if (pid < 0)
    return borel_fail(error, BOREL_INTERNAL, "validate: cannot start a process: %s", strerror(errno));
  if (pid == 0) child(examination, part, seconds);
  int status;
  while (waitpid(pid, &status, 0) < 0)
    if (errno != EINTR)
      return borel_fail(error, BOREL_INTERNAL, "validate: lost a process: %s", strerror(errno));
  const char *doing = examination->findings->doing;
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)
    borel_examination_row(examination, BOREL_FAILS, "comes back", "-", "it ran for %u s during %s", seconds,
                          doing);
  else if (WIFSIGNALED(status))
    borel_examination_row(examination, BOREL_FAILS, "comes back", "-", "it crashed during %s: %s", doing,
                          strsignal(WTERMSIG(status)));
  else if (WEXITSTATUS(status) != 0 || !examination->findings->finished)
    borel_examination_row(examination, BOREL_FAILS, "comes back", "-", "it ended the process during %s",
                          doing);
  return BOREL_OK;
}
