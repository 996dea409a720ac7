import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import org.openapitools.client.ApiException;
import org.openapitools.client.api.AccountsApi;
import org.openapitools.client.api.EventsApi;
import org.openapitools.client.api.FilesApi;
import org.openapitools.client.api.MessagesApi;
import org.openapitools.client.api.RoomsApi;
import org.openapitools.client.api.SessionsApi;
import org.openapitools.client.model.Credentials;
import org.openapitools.client.model.Message;
import org.openapitools.client.model.NewMessage;
import org.openapitools.client.model.NewRoom;
import org.openapitools.client.model.NewUser;
import org.openapitools.client.model.Problem;

/** Uses what the libraries of openapi-generator for Java have in common. Setup has the rest. */
class Program {
    interface Call {
        void run() throws ApiException;
    }

    public static void main(String[] args) throws Exception {
        var open = Setup.client(args[0], null);
        var account = new NewUser().username("ada").password("correct horse");
        var session = new AccountsApi(open).signUp(account, null);
        System.out.println("signed up " + session.getUser().getUsername());
        System.out.println("refused " + problem(() -> new AccountsApi(open).signUp(account, null)).getCode());
        var credentials = new Credentials().username("ada").password("correct horse");
        session = new SessionsApi(open).logIn(credentials, null);
        System.out.println("logged in " + session.getUser().getUsername());

        var client = Setup.client(args[0], session.getAccessToken());
        var rooms = new RoomsApi(client);
        var messages = new MessagesApi(client);
        var invalid = problem(() -> rooms.createRoom(new NewRoom().handle("not a handle"), null));
        System.out.println("invalid " + invalid.getErrors().get(0).getField());
        var room = rooms.createRoom(new NewRoom().handle("tea"), null);
        System.out.println("room " + room.getHandle());

        var first = messages.sendMessage("#tea", new NewMessage().text("Is the kettle on?"), "kettle-1");
        System.out.println("sent " + first.getId() + " " + first.getText());
        var list = Files.createTempDirectory("parley").resolve("list.txt");
        Files.writeString(list, "Assam, Darjeeling\n");
        var second = withFile(messages, list);
        var file = second.getFiles().get(0);
        System.out.println("sent " + second.getId() + " " + file.getName());
        var content = new FilesApi(client).getFileContent(file.getId(), null, null, null, null);
        System.out.println("content " + Files.readString(content.toPath()).strip());

        var history = messages.listMessages("#tea", null, null, null, null, null, null, null).getItems();
        System.out.println("history " + history.stream().map(Message::getText).collect(Collectors.joining(" / ")));
        System.out.println("missing " + problem(() -> rooms.getRoom("#nowhere")).getStatus());
        for (var event : new EventsApi(client).listEvents(null, null, null).getItems()) {
            var data = event.getData();
            if (event.getEvent().equals("message.created") && data.getRoomId().equals(room.getId())) {
                System.out.println("event " + event.getEvent() + " " + data.getId() + " " + data.getText());
            }
        }
    }

    static Message withFile(MessagesApi messages, Path list) throws ApiException {
        return messages.sendMessageForm("#tea", null, null, "We have:", List.of(list.toFile()), null, null);
    }

    static Problem problem(Call call) throws Exception {
        try {
            call.run();
        } catch (ApiException e) {
            return Setup.problem(e);
        }
        throw new IllegalStateException("was not refused");
    }
}
