// An upstream whose answers never end: a first event at once, then one each second, until the
// other side closes. Used where open streams are weighed.
// usage: streaming-upstream.mjs <port>
import { createServer } from 'node:http';

const event = `data: ${JSON.stringify({
  id: 'chatcmpl-bench',
  object: 'chat.completion.chunk',
  choices: [{ index: 0, delta: { content: 'word '.repeat(20) }, finish_reason: null }],
})}\n\n`;
const open = new Set();

createServer((request, response) => {
  request.resume();
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(event);
  open.add(response);
  response.on('close', () => open.delete(response));
}).listen(Number(process.argv[2]), '127.0.0.1', 4096);

setInterval(() => {
  for (const response of open) response.write(event);
}, 1000);
