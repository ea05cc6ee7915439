const tasks = new Set<() => void>()

/**
 * Runs a task when this process exits, and never earlier. No signal counts as an exit: the process
 * may survive it. As pid 1 it does: the kernel discards a SIGTERM or SIGINT that pid 1 sends to
 * itself, as libraries that clean up at a signal do. Returns the function that cancels the task.
 */
export function atExit(task: () => void): () => void {
  if (tasks.size === 0) process.on('exit', runAll)
  tasks.add(task)
  return () => {
    if (tasks.delete(task) && tasks.size === 0) process.off('exit', runAll)
  }
}

function runAll(): void {
  for (const task of tasks) {
    try {
      task()
    } catch {
      // There is nobody left to tell.
    }
  }
}
