// The least that a proxy on Node can be: node:http in front, undici's dispatch behind, the body
// buffered, the answer's bytes passed on. No slots, no routing, no limits, no checks.
// usage: bare-proxy.mjs <port> <upstream origin>
import { createServer } from 'node:http';
import { Pool } from 'undici';

const [port, origin] = process.argv.slice(2);
const upstream = new Pool(origin, { connections: 2048, pipelining: 1 });

createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => forward(request, response, Buffer.concat(chunks)));
}).listen(Number(port), '127.0.0.1');

function forward(request, response, body) {
  const headers = { 'content-type': 'application/json', authorization: 'Bearer bench' };
  upstream.dispatch(
    { method: request.method, path: request.url, headers, body },
    {
      onRequestStart(controller) {
        response.on('close', () => {
          if (!response.writableFinished) controller.abort(new Error('the client left'));
        });
      },
      onResponseStart(_controller, statusCode, answered) {
        delete answered.connection;
        response.writeHead(statusCode, answered);
      },
      onResponseData(_controller, chunk) {
        response.write(chunk);
      },
      onResponseEnd() {
        response.end();
      },
      onResponseError() {
        response.destroy();
      },
    },
  );
}
