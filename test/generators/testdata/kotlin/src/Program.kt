import java.io.File
import java.nio.file.Files
import org.openapitools.client.apis.AccountsApi
import org.openapitools.client.apis.EventsApi
import org.openapitools.client.apis.FilesApi
import org.openapitools.client.apis.MessagesApi
import org.openapitools.client.apis.RoomsApi
import org.openapitools.client.apis.SessionsApi
import org.openapitools.client.infrastructure.ApiClient
import org.openapitools.client.infrastructure.ClientError
import org.openapitools.client.infrastructure.ClientException
import org.openapitools.client.infrastructure.Serializer
import org.openapitools.client.models.Credentials
import org.openapitools.client.models.NewMessage
import org.openapitools.client.models.NewRoom
import org.openapitools.client.models.NewUser
import org.openapitools.client.models.Problem

object Program {
    @JvmStatic
    fun main(args: Array<String>) {
        val url = args[0]
        val account = NewUser(username = "ada", password = "correct horse")
        println("signed up " + AccountsApi(url).signUp(account).user.username)
        println("refused " + problem { AccountsApi(url).signUp(account) }.code)
        val session = SessionsApi(url).logIn(Credentials(username = "ada", password = "correct horse"))
        println("logged in " + session.user.username)
        ApiClient.accessToken = session.accessToken

        val rooms = RoomsApi(url)
        val messages = MessagesApi(url)
        val invalid = problem { rooms.createRoom(NewRoom(handle = "not a handle")) }
        println("invalid " + invalid.errors?.first()?.field)
        val room = rooms.createRoom(NewRoom(handle = "tea"))
        println("room " + room.handle)

        val first = messages.sendMessage("#tea", NewMessage(text = "Is the kettle on?"), "kettle-1")
        println("sent ${first.id} ${first.text}")
        val list = File(Files.createTempDirectory("parley").toFile(), "list.txt")
        list.writeText("Assam, Darjeeling\n")
        val second = messages.sendMessageForm("#tea", text = "We have:", file = listOf(list))
        val file = second.files.first()
        println("sent ${second.id} ${file.name}")
        println("content " + FilesApi(url).getFileContent(file.id).readText().trim())

        println("history " + messages.listMessages("#tea").items.map { it.text }.joinToString(" / "))
        println("missing " + problem { rooms.getRoom("#nowhere") }.status)
        for (event in EventsApi(url).listEvents().items) {
            if (event.event == "message.created" && event.data.roomId == room.id) {
                println("event ${event.event} ${event.data.id} ${event.data.text}")
            }
        }
    }

    private fun problem(call: () -> Unit): Problem {
        try {
            call()
        } catch (e: ClientException) {
            val body = (e.response as ClientError<*>).body as String
            return Serializer.moshi.adapter(Problem::class.java).fromJson(body)!!
        }
        error("was not refused")
    }
}
