// Runs before a snippet, in Node and in pages: what it first logs or throws is its outcome.

const fields = (error) => ({
  ...error,
  name: error.name,
  message: error.message,
  cause: error.cause && { ...error.cause },
});

globalThis.outcome = new Promise((resolve) => {
  console.log = (value) => resolve({ value });
  console.error = (error) => resolve({ error: fields(error) });
});

if (globalThis.process) {
  process.on("uncaughtException", console.error);
  outcome.then((result) => process.stdout.write(JSON.stringify(result)));
} else {
  addEventListener("error", (event) => console.error(event.error));
}
