import { expect, test } from 'vitest'
import type { Received, StagedUpload } from '#files/types.ts'
import { BLOCK_BYTES, createBlocks } from '#protocols/ftp/blocks.ts'
import { readIntoBlocks } from '#protocols/ftp/inbox.ts'
import { receiveFile } from '#protocols/ftp/pumps.ts'
import { socketPair } from '#test/sockets.ts'

/** Takes bytes in the ordinary way, and says `received` when the kernel is to take some. */
function uploadThat(received: Received): Pick<StagedUpload, 'write' | 'receiveFrom'> {
  return { write: async () => {}, receiveFrom: () => received }
}

test.each<[Received, boolean]>([
  [null, true],
  [0, true],
  ['lost', false],
])('when the kernel says %s, an upload whose client then ends well is whole: %s', async (received, whole) => {
  using pair = await socketPair()
  const { socket, inbox } = readIntoBlocks(pair.server, createBlocks())
  if (inbox === null) throw new Error('there is no inbox')
  using _inbox = inbox
  const receiving = receiveFile(inbox, uploadThat(received), { start: 0, lineEnds: null, moved() {} })
  pair.client.end(Buffer.alloc(BLOCK_BYTES))
  expect(await receiving).toEqual({ whole, end: BLOCK_BYTES })
  socket.destroy()
})
