/** What was read for one person is forgotten before another one signs in. */

const tasks: (() => void)[] = [];

export function onForget(task: () => void): void {
  tasks.push(task);
}

export function forgetAnswers(): void {
  for (const task of tasks) task();
}
