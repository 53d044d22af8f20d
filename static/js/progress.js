/** Moves the progress bars of tasks that report progress; nothing is fetched for it. */

import { watch } from "./live.js";

watch({
  progress({ taskId, progress, message }) {
    for (const root of document.querySelectorAll(`[data-task="${CSS.escape(taskId)}"]`)) {
      const bar = root.querySelector("[data-progress]");
      if (!bar) continue;
      bar.value = progress;
      bar.hidden = false;
      write(root.querySelector("[data-progress-percent]"), `${Math.round(progress)} %`);
      write(root.querySelector("[data-progress-message]"), message);
    }
  },
});

function write(element, text) {
  if (element) element.textContent = text ?? "";
}
