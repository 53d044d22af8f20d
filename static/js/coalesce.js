/** Runs async work at once when asked, one at a time; asked again meanwhile, it runs once more `pauseMs` after it ended. */
export function coalesced(work, pauseMs = 0) {
  let isBusy = false;
  let isAskedAgain = false;
  return async function ask() {
    if (isBusy) {
      isAskedAgain = true;
      return;
    }
    isBusy = true;
    do {
      isAskedAgain = false;
      try {
        await work();
      } catch (error) {
        // The server is away or the answer did not arrive: the next event, or the reconnection, asks again.
        console.info("An update did not arrive:", error.message);
      }
      await pause(pauseMs);
    } while (isAskedAgain);
    isBusy = false;
  };
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
