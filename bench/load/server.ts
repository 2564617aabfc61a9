// The server of the benchmark, inside a pod. On 9090 it answers every HTTP/1.1 request with two bytes, with
// as little work as it can: what it costs is in both sides of every ratio and draws them together. On
// 9092 it sends one byte as soon as somebody connects, and holds the connection.

import net from 'node:net';

const kept = Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
const last = Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok');
const endOfHead = '\r\n\r\n';
const maxHeadBytes = 16 * 1024;

function serve(socket: net.Socket): void {
  let pending = '';
  socket.setNoDelay(true);
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: Buffer) => {
    pending += chunk.toString('latin1');
    if (pending.length > maxHeadBytes) {
      socket.destroy();
      return;
    }
    for (let end = pending.indexOf(endOfHead); end !== -1; end = pending.indexOf(endOfHead)) {
      const closes = /\r\nconnection: close/i.test(pending.slice(0, end + 2));
      pending = pending.slice(end + endOfHead.length);
      if (!closes) {
        socket.write(kept);
        continue;
      }
      socket.end(last);
      return;
    }
  });
}

function greet(socket: net.Socket): void {
  socket.on('error', () => socket.destroy());
  socket.resume();
  socket.write('.');
}

const backlog = 4096;
net.createServer(serve).listen({ port: 9090, host: '::', backlog });
net.createServer(greet).listen({ port: 9092, host: '::', backlog });
process.once('SIGTERM', () => process.exit(0));
